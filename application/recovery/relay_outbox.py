"""Publish what stayed pending: the relay of the transactional outbox."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from application.clock import Clock, Deadline
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.receiving.route_message import RouteMessage
from domain.errors import TemporaryError, safe_reason
from domain.messages import MAX_ATTEMPTS, MessageRecord
from domain.trail import FailedAttempt

logger = logging.getLogger(__name__)


class RelayOutcome(StrEnum):
    """What became of a stuck message. One that failed stays pending until its lease is over."""

    RELAYED = "relayed"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    TAKEN_BY_OTHERS = "taken_by_others"


@dataclass(frozen=True)
class RelayOutbox:
    """Route messages whose handlers must have died. Several processes may run it at once.

    A lease keeps other processes away from a message that one works on; each attempt has
    longer than the one before. A message that was tried too often becomes a dead letter.
    """

    outbox: Outbox
    route_message: RouteMessage
    dead_letters: DeadLetters
    clock: Clock
    metrics: Metrics

    def __call__(
        self, limit: int = 100, has_time: Callable[[], bool] = lambda: True
    ) -> dict[str, RelayOutcome]:
        """Work on at most ``limit`` messages that are stuck now, longest waiting first.

        What became of each, by its request id. Begins with none when it no longer ``has_time``.
        """
        stuck = self.outbox.list_stuck(limit, self.clock())
        self.metrics.count("Pending", len(stuck))
        return {
            record.request_id: self._relay(record)
            for record in takewhile(lambda _: has_time(), stuck)
        }

    def _relay(self, record: MessageRecord) -> RelayOutcome:
        try:
            if record.attempts >= MAX_ATTEMPTS:
                return self._give_up(record)
            now = self.clock()
            if not self.outbox.take_lease(record, now):
                return RelayOutcome.TAKEN_BY_OTHERS
            self.route_message.retry(record.leased(now), Deadline.after())
        except Exception as error:
            self._report(record, error)
            return RelayOutcome.FAILED
        self.metrics.count("Relayed")
        return RelayOutcome.RELAYED

    def _give_up(self, record: MessageRecord) -> RelayOutcome:
        """The dead letter comes first, so that no message is given up without a trace.

        It is stored once more afterwards: an operator may have redriven it in between.
        """
        dead_letter = DeadLetter(
            dead_letter_id=f"{DeadLetterKind.UNDELIVERABLE}-{record.request_id}",
            kind=DeadLetterKind.UNDELIVERABLE,
            reason=_undeliverable(record.trail.failure),
            request_id=record.request_id,
            attempts=record.attempts,
            created_at=self.clock(),
        )
        self.dead_letters.store(dead_letter)
        if not self.outbox.give_up(record):
            return RelayOutcome.TAKEN_BY_OTHERS
        self.dead_letters.store(dead_letter)
        self.metrics.count("DeadLetters", kind=DeadLetterKind.UNDELIVERABLE)
        logger.error("message given up", extra=_ids(record))
        return RelayOutcome.GIVEN_UP

    def _report(self, record: MessageRecord, error: Exception) -> None:
        self.metrics.count("Errors", type=type(error).__name__)
        logger.warning(
            "message stays pending",
            extra={**_ids(record), "error": type(error).__name__, "reason": safe_reason(error)},
            exc_info=None if isinstance(error, TemporaryError) else error,
        )


def _undeliverable(failure: FailedAttempt | None) -> str:
    why = f": {failure.reason}" if failure else ""
    return f"it could not be put on its queue{why}"


def _ids(record: MessageRecord) -> dict[str, object]:
    return {"request_id": record.request_id, "message_id": record.message.log_id}
