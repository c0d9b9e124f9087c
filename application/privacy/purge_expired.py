"""Delete what is older than its retention time."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetters
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.message_store import MessageStore
from application.ports.metrics import Metrics
from application.ports.retention import Retention
from application.privacy.erase_message import EraseMessage
from domain.erasure import RetainedMessage
from domain.messages import MessageState

BATCH = 100
BLOB_FOLDERS = ("attachments", "messages", "contexts")
BLOBS_OUTLIVE = timedelta(days=30)
"""How much longer a blob may stay that no message led to: until nothing can be pending."""

TEMPORARY_FILES_STALE_AFTER = timedelta(days=1)
"""When the process that was writing a file must have died."""


@dataclass(frozen=True, slots=True)
class RetentionTimes:
    """How long things are retained; ``messages`` is ``None`` for ever."""

    messages: timedelta | None = None
    dead_letters: timedelta = timedelta(days=30)
    unmatched: timedelta = timedelta(days=30)
    throttle: timedelta = timedelta(days=1)


@dataclass(slots=True)
class PurgeReport:
    """How many of each were removed.

    ``resume_after`` is where the next purge may go on among the messages, if the time was
    used up before their end; ``complete`` tells that it was not.
    """

    removed: Counter[str] = field(default_factory=Counter)
    complete: bool = True
    resume_after: str | None = None

    def count_each(self, place: str, numbers: Iterable[int]) -> Iterator[None]:
        """Count what was removed in one place, after each part of the work."""
        for number in numbers:
            self.removed[place] += number
            yield


@dataclass(frozen=True)
class PurgeExpired:
    """Works in small, independent batches: safe to stop, to repeat, and to run twice at once.

    The request ids of messages stay for ever, and so does a message that is still pending.
    ``blob_folders`` are those in which it looks for what no message leads to.
    """

    messages: MessageStore
    retention: Retention
    erase_message: EraseMessage
    blobs: BlobStore
    throttle: FallbackThrottle
    dead_letters: DeadLetters
    delete_stale_files: Callable[[datetime], int]
    times: RetentionTimes
    metrics: Metrics
    blob_folders: Sequence[str] = BLOB_FOLDERS
    monotonic: Callable[[], float] = time.monotonic

    def __call__(
        self,
        now: datetime,
        *,
        budget_seconds: float | None = None,
        resume_after: str | None = None,
    ) -> PurgeReport:
        """Remove what is too old at ``now``, beginning no batch after ``budget_seconds``.

        Messages are looked at from ``resume_after`` on, which an earlier report named.
        """
        report = PurgeReport(resume_after=resume_after)
        ends_at = float("inf") if budget_seconds is None else self.monotonic() + budget_seconds
        try:
            for _ in self._batches(now, report):
                if self.monotonic() >= ends_at:
                    report.complete = False
                    break
        finally:
            for place, number in report.removed.items():
                self.metrics.count("Purged", number, place=place)
        if report.complete:
            self.metrics.count("Purges")
        return report

    def _batches(self, now: datetime, report: PurgeReport) -> Iterator[None]:
        stale = now - TEMPORARY_FILES_STALE_AFTER
        report.removed["temporary_files"] += self.delete_stale_files(stale)
        report.removed["throttle"] += self.throttle.delete_older(now - self.times.throttle)
        yield
        dead_letters = self.dead_letters.delete_older(now - self.times.dead_letters)
        yield from report.count_each("dead_letters", dead_letters)
        yield from self._unmatched(now - self.times.unmatched, report)
        if self.times.messages is not None:
            before = now - self.times.messages
            last_messages = self.retention.erase_last_messages(before)
            yield from report.count_each("last_messages", last_messages)
            # What no message refers to any more: also what a crash left without one.
            for folder in self.blob_folders:
                blobs = self.blobs.delete_older(folder, before - BLOBS_OUTLIVE)
                yield from report.count_each("blobs", blobs)
            yield from self._messages(before, report)

    def _unmatched(self, before: datetime, report: PurgeReport) -> Iterator[None]:
        cursor: str | None = None
        while True:
            page = self.messages.list_unmatched(BATCH, after=cursor)
            old = [RetainedMessage.of(r) for r in page.items if r.message.received_at < before]
            # Fewer go than are old where another purge, or an erasure, was there before.
            report.removed["unmatched"] += sum(self._erased(retained, report) for retained in old)
            cursor = page.cursor
            if len(old) < len(page.items) or cursor is None:
                return
            yield

    def _messages(self, before: datetime, report: PurgeReport) -> Iterator[None]:
        while True:
            page = self.retention.list_retained(BATCH, after=report.resume_after, before=before)
            old = (
                retained for retained in page.items if retained.state is not MessageState.PENDING
            )
            report.removed["messages"] += sum(self._erased(retained, report) for retained in old)
            report.resume_after = page.cursor
            if page.cursor is None:
                return
            yield

    def _erased(self, retained: RetainedMessage, report: PurgeReport) -> bool:
        erased = self.erase_message(retained)
        report.removed["blobs"] += erased.blobs
        report.removed["contexts"] += erased.contexts
        return erased.message
