"""The backlog: what waits in the spool, on no queue, or as a dead letter."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from application.ports.checks import CheckResult, CheckStatus
from application.recovery.drain_spool import LONGEST_DELAY
from domain.errors import WebhookHandlerError
from domain.messages import STUCK_AFTER, MessageRecord
from domain.times import rfc3339
from entrypoints.composition.container import Container

MOST = 100
"""More are not counted."""

SPOOL_MINUTES = LONGEST_DELAY.seconds // 60
"""How soon each entry of the spool is tried again, while a server or the relay works."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

Reported = tuple[CheckStatus, str]


@dataclass(frozen=True, slots=True)
class Pending:
    """The messages that are recorded and on no queue, due or not: of more than ``MOST``, those.

    ``now`` is when they were asked for.
    """

    records: tuple[MessageRecord, ...]
    now: datetime

    @classmethod
    def of(cls, container: Container) -> "Pending":
        """What there is at the moment."""
        stuck_some_day = container.stores().outbox.list_stuck(MOST, _END_OF_TIME)
        return cls(stuck_some_day, container.clock()())

    @property
    def late(self) -> "Pending":
        """Without those whose first handler may still be at it."""
        late = (one for one in self.records if one.recorded_at + STUCK_AFTER <= self.now)
        return Pending(tuple(late), self.now)

    @property
    def next_attempt_at(self) -> datetime:
        """When the first of them may be tried; there has to be one."""
        return min(record.due_at for record in self.records)

    @property
    def due(self) -> int:
        """How many ``frontdesk relay`` would try now."""
        return sum(record.due_at <= self.now for record in self.records)


def check_backlog(container: Container) -> Iterator[CheckResult]:
    """What waits, as far as there is a place for it yet; nothing is made or taken.

    What is tried again by itself is a warning, for it keeps nothing from starting. What waits
    for an operator is an error.
    """
    if container.spool_backend().has_spool():
        yield from _report("spool", lambda: _report_spool(container))
    if container.storage().is_created():
        yield from _report("pending", lambda: _report_pending(container))
    if container.files().has_dead_letters():
        yield from _report("dead letters", lambda: _report_dead_letters(container))


def at_most(counted: int) -> str:
    """How many there are, for a person, where no more than ``MOST`` were asked for."""
    return f"{MOST} or more" if counted == MOST else f"{counted}"


def _report(check: str, look: Callable[[], Iterable[Reported]]) -> Iterator[CheckResult]:
    try:
        for status, text in look():
            yield CheckResult(check, status, text)
    except WebhookHandlerError as error:
        yield CheckResult(check, CheckStatus.ERROR, str(error))
    except Exception as error:
        # An engine may answer in any form. The other checks go on. The text may hold content.
        text = f"could not be checked: {type(error).__name__}"
        yield CheckResult(check, CheckStatus.ERROR, text)


def _report_spool(container: Container) -> Iterator[Reported]:
    depth = container.spool().depth()
    if depth.entries:
        since = f", the oldest came at {rfc3339(depth.oldest_at)}" if depth.oldest_at else ""
        yield (
            CheckStatus.WARNING,
            f"{depth.entries} spooled{since}: each is tried again within {SPOOL_MINUTES} "
            "minutes, and 'frontdesk relay' processes now what is due",
        )
    else:
        yield CheckStatus.OK, "the spool is empty"
    if depth.broken:
        files = "1 broken file" if depth.broken == 1 else f"{depth.broken} broken files"
        yield (
            CheckStatus.ERROR,
            f"{files} in the spool that cannot be read: mend what ends in '.broken' in "
            f"{container.settings().data_dir / 'spool'} and take that suffix away, or remove it",
        )


def _report_pending(container: Container) -> Iterator[Reported]:
    pending = Pending.of(container)
    late = pending.late
    if not pending.records:
        yield CheckStatus.OK, "every message that was recorded came to its queue"
        return
    if not late.records:
        yield CheckStatus.OK, f"{at_most(len(pending.records))} on the way, recorded a moment ago"
        return
    number = at_most(len(late.records))
    oldest_at = min(record.recorded_at for record in late.records)
    yield (
        CheckStatus.WARNING,
        f"{number}, the oldest of {rfc3339(oldest_at)}, on no queue yet: {_what_next(late)}",
    )


def _what_next(late: Pending) -> str:
    if late.due:
        which = "them" if late.due == len(late.records) else f"{late.due} of them"
        return f"'frontdesk relay' publishes {which} now"
    attempts = max(record.attempts for record in late.records)
    return f"attempts so far: {attempts}, the next is at {rfc3339(late.next_attempt_at)}"


def _report_dead_letters(container: Container) -> Iterator[Reported]:
    unreadable: list[str] = []
    dead_letters = container.dead_letters().each_dead_letter(unreadable=unreadable.append)
    times = [dead_letter.created_at for dead_letter in islice(dead_letters, MOST)]
    if times:
        yield (
            CheckStatus.WARNING,
            f"{at_most(len(times))}, the oldest of {rfc3339(min(times))}: "
            "see 'frontdesk dead-letters list'",
        )
    elif not unreadable:
        yield CheckStatus.OK, "none"
    if unreadable:
        yield (
            CheckStatus.ERROR,
            f"{len(unreadable)} cannot be read: mend or remove {', '.join(sorted(unreadable))}",
        )
