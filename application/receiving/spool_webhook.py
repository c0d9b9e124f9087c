"""Spool a verified webhook that cannot be processed now."""

import hashlib
import json
import logging
from contextlib import suppress
from dataclasses import dataclass

from application.clock import Clock
from application.ports.metrics import Metrics
from application.ports.spool import Spool, SpoolEntry
from application.ports.webhook_parser import VerifiedWebhook, WebhookParserFactory

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpoolWebhook:
    """Write an entry of the spool, in the group of the message's sender."""

    spool: Spool
    parsers: WebhookParserFactory
    clock: Clock
    metrics: Metrics

    def __call__(self, webhook: VerifiedWebhook, reason: str = "") -> None:
        """Spool ``webhook``; ``reason`` is that of a ``SpoolEntry``.

        It is durable when this returns. Raises ``TemporaryError`` when it is not.
        """
        sender = self._sender(webhook)
        # A distorted copy must not take the place of the message that it was made from.
        entry_id = webhook.id if sender else f"unreadable-{webhook.id}"
        self.spool.enqueue(
            SpoolEntry(
                entry_id=entry_id,
                group=sender or entry_id,
                webhook=webhook.without_authorization(),
                spooled_at=self.clock(),
                reason=reason,
            )
        )
        self.metrics.count("Spooled")
        logger.warning("webhook spooled", extra={"spool_entry_id": entry_id})

    def _sender(self, webhook: VerifiedWebhook) -> str | None:
        """A name for the sender. None is certain of a webhook that is unreadable or regrouped."""
        # Whatever is wrong with it, the spool takes it: its worker finds out and reports it.
        with suppress(Exception):
            message = self.parsers.for_channel(webhook.channel).parse(webhook)[0].message
            if not message.regrouping_suspected:
                parts = [message.channel, webhook.account, message.identities[0].value]
                return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
        return None
