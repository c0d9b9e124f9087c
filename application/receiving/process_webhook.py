"""Process a verified webhook: record the messages in it."""

from dataclasses import dataclass

from application.clock import Deadline
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParserFactory,
)
from application.receiving.record_message import Receipt, RecordMessage
from application.receiving.store_attachments import StoreFiles
from domain.errors import TemporaryError, UnreadableMessageError
from domain.routing import RoutingPolicy


@dataclass(frozen=True)
class ProcessWebhook:
    """Parse a webhook and record each message in it.

    The webhook comes from its provider, the spool, or a dead letter that an operator redrives.
    The idempotency check makes every repetition harmless.
    """

    parsers: WebhookParserFactory
    store_files: StoreFiles
    record_message: RecordMessage
    policy: RoutingPolicy

    def __call__(
        self, webhook: VerifiedWebhook, deadline: Deadline, *, reviewed: bool = False
    ) -> tuple[Receipt, ...]:
        """Record every message of ``webhook``, also those behind one that fails.

        ``reviewed`` is for mail that an operator has looked at: it is recorded although its
        author is not authenticated, or a program.
        Raises ``TemporaryError`` when a repetition may help, else whatever stands in the way.
        """
        receipts: list[Receipt] = []
        errors: list[Exception] = []
        parsed = self.parsers.for_channel(webhook.channel).parse(webhook)
        allowed: list[ParsedMessage] = []
        for one in parsed:
            try:
                if not reviewed:
                    self.policy.check_is_allowed(one.message)
                allowed.append(one)
            except UnreadableMessageError as error:
                errors.append(error)
        for message in self.store_files(allowed, deadline):
            try:
                receipts.append(self.record_message(message, deadline))
            except Exception as error:
                errors.append(error)
        for receipt in receipts:
            # Files are stored before the store can say that their message was erased.
            if receipt.is_of_erased:
                self.store_files.delete(receipt.record.message)
        if errors:
            # One that may heal comes first: a repetition then finds the others recorded.
            raise min(errors, key=lambda error: not isinstance(error, TemporaryError))
        return tuple(receipts)
