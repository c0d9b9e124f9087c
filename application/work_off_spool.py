"""Work on the requests that were put aside."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from application.bury_request import BuryRequest
from application.clock import Deadline
from application.ports.spooling import Spool, SpoolDelivery
from application.receive_proven import ReceiveProven
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


class WorkedOff(StrEnum):
    """What became of an entry."""

    RECEIVED = "received"
    PUT_BACK = "put_back"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True)
class WorkOffSpool:
    """Receive spooled requests, without asking again for the signature that was proven."""

    spool: Spool
    receive_proven: ReceiveProven
    bury: BuryRequest
    new_deadline: Callable[[], Deadline] = Deadline.after

    def __call__(self, limit: int = 10) -> list[WorkedOff]:
        """Work on at most ``limit`` entries; what became of each."""
        return [outcome for _, outcome in self.each(limit)]

    def each(self, limit: int) -> Iterator[tuple[SpoolDelivery, WorkedOff]]:
        """Work on at most ``limit`` entries: each with what became of it."""
        for delivery in self.spool.take(limit, VISIBILITY):
            yield delivery, self.work_off(delivery)

    def work_off(self, delivery: SpoolDelivery) -> WorkedOff:
        """Receive one entry, and remove it once it is recorded or a dead letter."""
        outcome = self._outcome(delivery)
        if outcome is WorkedOff.PUT_BACK:
            self.spool.put_back(delivery, _delay(delivery.attempts))
        else:
            self.spool.done(delivery)
        logger.info(
            "spooled webhook handled",
            extra={"spool_entry_id": delivery.entry.entry_id, "outcome": outcome.value},
        )
        return outcome

    def _outcome(self, delivery: SpoolDelivery) -> WorkedOff:
        entry = delivery.entry
        if delivery.attempts > MAX_ATTEMPTS:
            # An error would have buried it before: it must be the work itself that kills.
            return self._buried(WorkerLostError("every attempt ended without a word"), delivery)
        try:
            self.receive_proven(entry.request, entry.account, self.new_deadline())
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
                return WorkedOff.PUT_BACK
            return self._buried(error, delivery)
        return WorkedOff.RECEIVED

    def _buried(self, error: Exception, delivery: SpoolDelivery) -> WorkedOff:
        entry = delivery.entry
        try:
            self.bury(error, entry.request, entry.account, delivery.attempts)
        except Exception as failure:
            self.bury.report(failure)
            return WorkedOff.PUT_BACK
        return WorkedOff.DEAD_LETTER


def _delay(attempts: int) -> timedelta:
    doublings = min(attempts - 1, 10)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
