"""Process a verified webhook: store the files in it, then record its messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from application.clock import Deadline
from application.ports.blobs import BlobStore
from application.ports.webhook_parser import ParsedMessage, VerifiedWebhook, WebhookParserFactory
from application.receiving.record_message import Receipt, RecordMessage
from domain.erasure import attachments_folder
from domain.errors import TemporaryError, UnreadableMessageError
from domain.messages import AttachedFile, InboundMessage
from domain.routing import RoutingPolicy


@dataclass(frozen=True)
class ProcessWebhook:
    """Parse a webhook and record each message in it.

    The webhook comes from its provider, the spool, or a dead letter that an operator redrives.
    The idempotency check makes every repetition harmless.
    """

    parsers: WebhookParserFactory
    blobs: BlobStore
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
        for message in self._with_stored_files(allowed, deadline):
            try:
                receipt = self.record_message(message, deadline)
                self._delete_unused_files(message, receipt)
                receipts.append(receipt)
            except Exception as error:
                errors.append(error)
        if errors:
            # One that may heal comes first: a repetition then finds the others recorded.
            raise min(errors, key=lambda error: not isinstance(error, TemporaryError))
        return tuple(receipts)

    def _delete_unused_files(self, message: InboundMessage, receipt: Receipt) -> None:
        """Files are stored before the store can say that their message is there, or was erased."""
        if not message.attachments:
            return
        folder = attachments_folder(message)
        if receipt.is_of_erased or folder != attachments_folder(receipt.record.message):
            self.blobs.delete(folder)

    def _with_stored_files(
        self, parsed: Sequence[ParsedMessage], deadline: Deadline
    ) -> tuple[InboundMessage, ...]:
        """The messages, once the files of all of them are stored. Raises ``TemporaryError``.

        Each has its own files, so that they go when it goes. A key holds the hash of the content:
        a retry finds the files in place, and a forged repetition of a message id cannot replace
        them.
        """
        references: dict[str, str] = {}
        for one in parsed:
            for key, file in _keyed(one):
                if key not in references:
                    deadline.check()
                    references[key] = self.blobs.put(key, file.content)
        return tuple(
            _with_references(one, references) if one.files else one.message for one in parsed
        )


def _keyed(parsed: ParsedMessage) -> Iterator[tuple[str, AttachedFile]]:
    for file in parsed.files:
        yield f"{attachments_folder(parsed.message)}/{file.attachment.sha256}", file


def _with_references(parsed: ParsedMessage, references: Mapping[str, str]) -> InboundMessage:
    stored = (replace(f.attachment, reference=references[key]) for key, f in _keyed(parsed))
    return replace(parsed.message, attachments=(*parsed.message.attachments, *stored))
