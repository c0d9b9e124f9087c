"""Drain the spool: process the webhooks that wait there."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from application.clock import Deadline
from application.ports.spool import Spool, SpoolDelivery
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.store_dead_letter import StoreDeadLetter
from domain.errors import TemporaryError, WorkerLostError, safe_reason

logger = logging.getLogger(__name__)

VISIBILITY = timedelta(seconds=60)
"""How long a worker has an entry for itself: far longer than a webhook's own time."""

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)
MAX_ATTEMPTS = 150
"""With the delays between them half a day: then an operator must look at it."""

STILL_FAILS = "spooled webhook still fails"
"""What the log says of an attempt that failed."""


class DrainOutcome(StrEnum):
    """What became of an entry."""

    RECEIVED = "received"
    RELEASED = "released"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True)
class DrainSpool:
    """Process spooled webhooks, without verifying them again."""

    spool: Spool
    process_webhook: ProcessWebhook
    store_dead_letter: StoreDeadLetter

    def __call__(self, limit: int = 10) -> dict[str, DrainOutcome]:
        """Work on at most ``limit`` entries; what became of each, by its id."""
        deliveries = self.spool.receive(limit, VISIBILITY)
        return {delivery.entry.entry_id: self.drain(delivery) for delivery in deliveries}

    def drain(self, delivery: SpoolDelivery) -> DrainOutcome:
        """Process one entry, and remove it once it is recorded or a dead letter."""
        outcome, reason = self._process(delivery)
        if outcome is DrainOutcome.RELEASED:
            self.spool.release(delivery, _delay(delivery.attempts), reason)
        else:
            self.spool.acknowledge(delivery)
        logger.info(
            "spooled webhook handled",
            extra={"spool_entry_id": delivery.entry.entry_id, "outcome": outcome.value},
        )
        return outcome

    def _process(self, delivery: SpoolDelivery) -> tuple[DrainOutcome, str]:
        """What becomes of the entry, and why if it is released."""
        entry = delivery.entry
        if delivery.unreadable is not None:
            return self._store_dead_letter(delivery.unreadable, delivery)
        if delivery.attempts > MAX_ATTEMPTS:
            # An error would have made it a dead letter before: the work itself kills the worker.
            lost = WorkerLostError("every attempt ended without a word")
            return self._store_dead_letter(lost, delivery)
        try:
            self.process_webhook(entry.webhook, Deadline.after())
        except Exception as error:
            if isinstance(error, TemporaryError) and delivery.attempts < MAX_ATTEMPTS:
                fields = {"error": type(error).__name__, "reason": safe_reason(error)}
                extra = {"spool_entry_id": entry.entry_id, **fields}
                logger.warning(STILL_FAILS, extra=extra)
                return DrainOutcome.RELEASED, safe_reason(error)
            return self._store_dead_letter(error, delivery)
        return DrainOutcome.RECEIVED, ""

    def _store_dead_letter(
        self, error: Exception, delivery: SpoolDelivery
    ) -> tuple[DrainOutcome, str]:
        try:
            self.store_dead_letter(error, delivery.entry.webhook, delivery.attempts)
        except Exception as failure:
            self.store_dead_letter.report(failure)
            return DrainOutcome.RELEASED, safe_reason(failure)
        return DrainOutcome.DEAD_LETTER, ""


def _delay(attempts: int) -> timedelta:
    doublings = min(attempts - 1, 10)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
