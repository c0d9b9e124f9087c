"""Put an authentic request aside that cannot be worked on now."""

import hashlib
import json
import logging
from contextlib import suppress
from dataclasses import dataclass

from application.clock import Clock
from application.ports.metrics import Metrics
from application.ports.spool import Spool, SpoolEntry
from application.ports.webhook_parser import WebhookParserFactory, WebhookRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpoolWebhook:
    """Write an entry of the spool, in the group of the message's sender."""

    spool: Spool
    parsers: WebhookParserFactory
    clock: Clock
    metrics: Metrics

    def __call__(self, request: WebhookRequest, account: str) -> None:
        """Keep ``request``, which ``account`` was proven to have signed.

        It is durable when this returns. Raises ``TemporaryError`` when it is not.
        """
        retained = request.without_authorization()
        entry_id = self.parsers.identity(retained, account)
        sender = self._sender(retained, account)
        if sender is None:
            # A distorted copy must not take the place of the message that it was made from.
            entry_id = f"unreadable-{entry_id}"
        self.spool.enqueue(
            SpoolEntry(
                entry_id=entry_id,
                group=sender or entry_id,
                account=account,
                request=retained,
                spooled_at=self.clock(),
            )
        )
        self.metrics.count("Spooled")
        logger.warning("webhook put aside", extra={"spool_entry_id": entry_id})

    def _sender(self, request: WebhookRequest, account: str) -> str | None:
        """A name for whoever wrote; what cannot be read has no order to keep."""
        # Whatever is wrong with it, the spool keeps it: its worker finds out and reports it.
        with suppress(Exception):
            _, parser = self.parsers.for_path(request.path)
            message = parser.parse(request, account)[0].message
            parts = [message.channel, account, message.identities[0].value]
            return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
        return None
