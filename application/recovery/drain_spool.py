"""Work on the requests that were put aside."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from application.clock import Deadline
from application.ports.spool import Spool, SpoolDelivery
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.store_dead_letter import StoreDeadLetter
from domain.errors import TemporaryError, safe_reason

logger = logging.getLogger(__name__)

VISIBILITY = timedelta(seconds=60)
"""How long a worker has an entry for itself: far longer than a webhook's own time."""

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)
MAX_ATTEMPTS = 150
"""With the delays between them half a day: then somebody must look at it."""


class WorkerLostError(TemporaryError):
    """Nobody who worked on an entry lived to tell why, up to the last attempt."""


class DrainOutcome(StrEnum):
    """What became of an entry."""

    RECEIVED = "received"
    RELEASED = "released"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True)
class DrainSpool:
    """Receive spooled requests, without asking again for the signature that was proven."""

    spool: Spool
    process_webhook: ProcessWebhook
    store_dead_letter: StoreDeadLetter
    new_deadline: Callable[[], Deadline] = Deadline.after

    def __call__(self, limit: int = 10) -> list[DrainOutcome]:
        """Work on at most ``limit`` entries; what became of each."""
        return [outcome for _, outcome in self.each(limit)]

    def each(self, limit: int) -> Iterator[tuple[SpoolDelivery, DrainOutcome]]:
        """Work on at most ``limit`` entries: each with what became of it."""
        for delivery in self.spool.take(limit, VISIBILITY):
            yield delivery, self.drain(delivery)

    def drain(self, delivery: SpoolDelivery) -> DrainOutcome:
        """Receive one entry, and remove it once it is recorded or a dead letter."""
        outcome = self._outcome(delivery)
        if outcome is DrainOutcome.RELEASED:
            self.spool.put_back(delivery, _delay(delivery.attempts))
        else:
            self.spool.done(delivery)
        logger.info(
            "spooled webhook handled",
            extra={"spool_entry_id": delivery.entry.entry_id, "outcome": outcome.value},
        )
        return outcome

    def _outcome(self, delivery: SpoolDelivery) -> DrainOutcome:
        entry = delivery.entry
        if delivery.attempts > MAX_ATTEMPTS:
            # An error would have buried it before: it must be the work itself that kills.
            return self._stored_as_dead_letter(
                WorkerLostError("every attempt ended without a word"), delivery
            )
        try:
            self.process_webhook(entry.request, entry.account, self.new_deadline())
        except Exception as error:
            if isinstance(error, TemporaryError) and delivery.attempts < MAX_ATTEMPTS:
                logger.warning(
                    "spooled webhook still fails",
                    extra={
                        "spool_entry_id": entry.entry_id,
                        "error": type(error).__name__,
                        "reason": safe_reason(error),
                    },
                )
                return DrainOutcome.RELEASED
            return self._stored_as_dead_letter(error, delivery)
        return DrainOutcome.RECEIVED

    def _stored_as_dead_letter(self, error: Exception, delivery: SpoolDelivery) -> DrainOutcome:
        entry = delivery.entry
        try:
            self.store_dead_letter(error, entry.request, entry.account, delivery.attempts)
        except Exception as failure:
            self.store_dead_letter.report(failure)
            return DrainOutcome.RELEASED
        return DrainOutcome.DEAD_LETTER


def _delay(attempts: int) -> timedelta:
    doublings = min(attempts - 1, 10)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
