"""Publish what stayed pending: the relay of the transactional outbox."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from application.clock import Clock, Deadline
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.receiving.route_message import RouteMessage
from domain.errors import TemporaryError, safe_reason
from domain.outbox import MessageRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RelayReport:
    """How many messages were stuck, and what became of them."""

    relayed: int = 0
    failed: int = 0
    given_up: int = 0
    taken_by_others: int = 0

    @property
    def stuck(self) -> int:
        """How many there were."""
        return self.relayed + self.failed + self.given_up + self.taken_by_others


@dataclass(frozen=True)
class RelayOutbox:
    """Deliver messages whose handlers must have died. Safe to run anywhere, at once.

    A lease keeps others away from a message while one works on it; each attempt has longer
    than the one before. What was tried too often becomes a dead letter.
    """

    outbox: Outbox
    deliver: RouteMessage
    dead_letters: DeadLetters
    clock: Clock
    metrics: Metrics

    def __call__(
        self, limit: int = 100, has_time: Callable[[], bool] = lambda: True
    ) -> RelayReport:
        """Work on at most ``limit`` messages that are stuck now, longest waiting first.

        Begins with no further one when it no longer ``has_time``.
        """
        outcomes = [outcome for _, outcome in self.each(limit, has_time)]
        report = RelayReport(
            *(outcomes.count(name) for name in ("relayed", "failed", "given_up", "taken"))
        )
        self.metrics.count("Relayed", report.relayed)
        return report

    def each(
        self, limit: int, has_time: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[MessageRecord, str]]:
        """The same, but yields each message with what became of it.

        That is ``relayed``, ``failed``, ``given_up``, or ``taken`` by others. One that failed
        stays pending, and comes again when its lease is over.
        """
        stuck = self.outbox.list_stuck(limit, self.clock())
        self.metrics.count("Pending", len(stuck))
        for record in takewhile(lambda _: has_time(), stuck):
            yield record, self._relay(record)

    def _relay(self, record: MessageRecord) -> str:
        try:
            if record.is_given_up:
                return "given_up" if self._give_up(record) else "taken"
            now = self.clock()
            if not self.outbox.take_lease(record, now):
                return "taken"
            self.deliver.repeat(record.leased(now), Deadline.after())
        except Exception as error:
            self._report(record, error)
            return "failed"
        return "relayed"

    def _give_up(self, record: MessageRecord) -> bool:
        """Nothing may be left without a trace: so the letter comes first.

        And once more afterwards, for somebody may have redriven it before it meant anything.
        """
        dead_letter = DeadLetter(
            dead_letter_id=f"{DeadLetterKind.UNDELIVERABLE}-{record.request_id}",
            kind=DeadLetterKind.UNDELIVERABLE,
            reason="it could not be put on its queue",
            account=record.message.account,
            request_id=record.request_id,
            attempts=record.attempts,
            created_at=self.clock(),
        )
        self.dead_letters.keep(dead_letter)
        given_up = self.outbox.give_up(record)
        if given_up:
            self.dead_letters.keep(dead_letter)
            self.metrics.count("DeadLetters", kind=DeadLetterKind.UNDELIVERABLE)
            logger.error("message given up", extra=_ids(record))
        return given_up

    def _report(self, record: MessageRecord, error: Exception) -> None:
        self.metrics.count("Errors", type=type(error).__name__)
        expected = isinstance(error, TemporaryError)
        logger.warning(
            "message stays pending",
            extra={
                **_ids(record),
                "error": type(error).__name__,
                "reason": safe_reason(error),
            },
            exc_info=None if expected else error,
        )


def _ids(record: MessageRecord) -> dict[str, object]:
    return {"request_id": record.request_id, "message_id": record.message.log_id}
