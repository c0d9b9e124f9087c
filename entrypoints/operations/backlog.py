"""The backlog: what waits in the spool, on no queue, or as a dead letter."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from application.ports.checks import CheckResult, CheckStatus
from application.recovery.drain_spool import LONGEST_DELAY
from domain.errors import WebhookHandlerError
from domain.outbox import STUCK_AFTER, MessageRecord
from domain.times import rfc3339
from entrypoints.composition.container import Container

MOST = 100
"""More are not counted."""

SPOOL_MINUTES = LONGEST_DELAY.seconds // 60
"""How soon each entry of the spool is tried again, while a server or the relay works."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

Reported = tuple[CheckStatus, str]


def pending_messages(container: Container) -> tuple[MessageRecord, ...]:
    """The messages that are recorded and on no queue, due or not: of more than ``MOST``, those."""
    return container.stores().outbox.list_stuck(MOST, _END_OF_TIME)


def check_backlog(container: Container) -> Iterator[CheckResult]:
    """What waits, as far as there is a place for it yet; nothing is made or taken.

    What is tried again by itself is a warning, for it keeps nothing from starting. What waits
    for an operator is an error.
    """
    if container.spool_backend().has_spool():
        yield from _report("spool", lambda: _report_spool(container))
    if container.stores().is_created():
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
    pending, now = pending_messages(container), container.clock()()
    # Of the others the first handler may still be at it.
    late = [record for record in pending if record.recorded_at + STUCK_AFTER <= now]
    if not pending:
        yield CheckStatus.OK, "every message that was recorded came to its queue"
        return
    if not late:
        yield CheckStatus.OK, f"{at_most(len(pending))} on the way, recorded a moment ago"
        return
    if due := sum(record.due_at <= now for record in late):
        which = "them" if due == len(late) else f"{due} of them"
        what_next = f"'frontdesk relay' publishes {which} now"
    else:
        attempts = max(record.attempts for record in late)
        next_at = rfc3339(min(record.due_at for record in late))
        what_next = f"attempts so far: {attempts}, the next is at {next_at}"
    oldest_at = rfc3339(min(record.recorded_at for record in late))
    yield (
        CheckStatus.WARNING,
        f"{at_most(len(late))}, the oldest of {oldest_at}, on no queue yet: {what_next}",
    )


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
