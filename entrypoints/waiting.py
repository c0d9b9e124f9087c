"""How much was left behind: in the spool, on no queue, as dead letters."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from domain.errors import WebhookHandlerError
from domain.times import rfc3339
from entrypoints.container import Container
from entrypoints.findings import Finding, Verdict

MOST = 100
"""Nobody needs to know how many more there are."""


def examine_waiting(container: Container) -> Iterator[Finding]:
    """What waits, as far as there is a place for it yet; nothing is made or taken."""
    settings = container.settings()
    directory = settings.data_dir
    if settings.spool_queue_url or (directory / "spool").exists():
        yield _told("spool", lambda: _spooled(container))
    if settings.storage == "dynamodb" or (directory / "frontdesk.db").exists():
        yield _told("pending", lambda: _stuck(container))
    if settings.blobs_bucket or (directory / "dead-letters").exists():
        yield _told("dead letters", lambda: _dead_letters(container))


def _told(check: str, look: Callable[[], tuple[Verdict, str]]) -> Finding:
    try:
        return Finding(check, *look())
    except WebhookHandlerError as error:
        return Finding(check, Verdict.WRONG, str(error))


def _spooled(container: Container) -> tuple[Verdict, str]:
    depth = container.spool().depth()
    if not depth.entries:
        return Verdict.OK, "no webhook is put aside"
    since = f", the oldest came at {rfc3339(depth.oldest_at)}" if depth.oldest_at else ""
    return Verdict.NOTE, f"{depth.entries} put aside{since}: 'frontdesk relay' works them off now"


def _stuck(container: Container) -> tuple[Verdict, str]:
    stuck = container.message_store().list_stuck(MOST, container.clock()())
    if not stuck:
        return Verdict.OK, "every message that was recorded came to its queue"
    counted = _counted([record.recorded_at for record in stuck])
    return Verdict.NOTE, f"{counted}, on no queue yet: 'frontdesk relay' publishes them now"


def _dead_letters(container: Container) -> tuple[Verdict, str]:
    letters = container.dead_letters().list_letters(MOST)
    if not letters:
        return Verdict.OK, "none"
    counted = _counted([letter.created_at for letter in letters])
    return Verdict.NOTE, f"{counted}: see 'frontdesk dead-letters list'"


def _counted(times: Sequence[datetime]) -> str:
    number = f"{MOST} or more" if len(times) == MOST else f"{len(times)}"
    return f"{number}, the oldest of {rfc3339(min(times))}"
