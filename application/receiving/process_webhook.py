"""Receive the messages of a request that was proven to be authentic."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.clock import Deadline
from application.ports.webhook_parser import WebhookParserFactory, WebhookRequest
from application.receiving.record_message import Receipt, RecordMessage
from application.receiving.store_attachments import StoreFiles
from domain.errors import TemporaryError, UnauthenticatedMailError
from domain.messages import InboundMessage
from domain.routing import UnauthenticatedMail


@dataclass(frozen=True)
class ProcessWebhook:
    """Parse a request and receive each message in it.

    For whoever knows which account signed: the webhook itself, the spool, a dead letter that
    somebody redrives. The gate makes every repetition harmless.
    """

    parsers: WebhookParserFactory
    store_files: StoreFiles
    record_message: RecordMessage
    unauthenticated_mail: UnauthenticatedMail

    def __call__(
        self,
        request: WebhookRequest,
        account: str,
        deadline: Deadline,
        *,
        reviewed: bool = False,
    ) -> tuple[Receipt, ...]:
        """Receive every message of ``request``, also those behind one that fails.

        ``vouched`` is for mail that somebody has looked at: it is received whoever wrote it,
        and unless the settings accept such mail a human answers it.
        Raises ``TemporaryError`` when a repetition may help, else whatever stands in the way.
        """
        _, parser = self.parsers.for_path(request.path)
        receipts: list[Receipt] = []
        errors: list[Exception] = []
        parsed = parser.parse(request, account)
        allowed = [one for one in parsed if reviewed or self._is_allowed(one.message)]
        if len(allowed) < len(parsed):
            errors.append(UnauthenticatedMailError("nobody vouches for the author of this mail"))
        for message in self.store_files(allowed, deadline):
            try:
                receipts.append(self.record_message(message, deadline))
            except Exception as error:
                errors.append(error)
        self._discard_files_of_erased(receipts)
        if errors:
            # One that may heal comes first: a repetition then finds the others recorded.
            raise min(errors, key=lambda error: not isinstance(error, TemporaryError))
        return tuple(receipts)

    def _discard_files_of_erased(self, receipts: Sequence[Receipt]) -> None:
        """Files were stored before the gate could say that their message had been erased."""
        for receipt in receipts:
            if receipt.is_of_erased:
                self.store_files.discard(receipt.record.message)

    def _is_allowed(self, message: InboundMessage) -> bool:
        return (
            message.author_authenticated
            or self.unauthenticated_mail is not UnauthenticatedMail.DEAD_LETTER
        )
