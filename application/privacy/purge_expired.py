"""Delete what has been kept for long enough."""

import time
from collections.abc import Callable, Iterator, Sequence
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
from domain.outbox import MessageState

BATCH = 100
BLOB_FOLDERS = ("attachments", "messages", "contexts")
BLOBS_OUTLIVE = timedelta(days=30)
"""How much longer a blob may stay that no message led to: until nothing can be pending."""

TEMPORARY_FILES_STALE_AFTER = timedelta(days=1)
"""When whoever was writing a file must have died."""


@dataclass(frozen=True, slots=True)
class RetentionTimes:
    """For how long things are kept; ``messages`` is ``None`` for ever."""

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

    removed: dict[str, int] = field(default_factory=dict)
    complete: bool = True
    resume_after: str | None = None

    def add(self, place: str, number: int) -> None:
        """Count what was removed in one place."""
        self.removed[place] = self.removed.get(place, 0) + number


@dataclass(frozen=True)
class PurgeExpired:
    """Works in small batches, each of which stands for itself: safe to stop and to repeat.

    The request ids of messages stay for ever. A message that is still to be delivered stays
    whole. Several may purge at once, to no use. ``blob_folders`` are those in which it looks for
    what no message leads to.
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
        return report

    def _batches(self, now: datetime, report: PurgeReport) -> Iterator[None]:
        report.add("temporary_files", self.delete_stale_files(now - TEMPORARY_FILES_STALE_AFTER))
        report.add("throttle", self.throttle.delete_older(now - self.times.throttle))
        yield
        yield from self._dead_letters(now - self.times.dead_letters, report)
        yield from self._unmatched(now - self.times.unmatched, report)
        if self.times.messages is not None:
            before = now - self.times.messages
            yield from self._last_messages(before, report)
            yield from self._blobs(before - BLOBS_OUTLIVE, report)
            yield from self._messages(before, report)

    def _dead_letters(self, before: datetime, report: PurgeReport) -> Iterator[None]:
        for removed in self.dead_letters.delete_older(before):
            report.add("dead_letters", removed)
            yield

    def _unmatched(self, before: datetime, report: PurgeReport) -> Iterator[None]:
        cursor: str | None = None
        while True:
            page = self.messages.list_unmatched(BATCH, after=cursor)
            old = [RetainedMessage.of(r) for r in page.items if r.message.received_at < before]
            # Fewer go than are old where another purge, or an erasure, was there before.
            report.add("unmatched", sum(self._erased(retained, report) for retained in old))
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
            report.add("messages", sum(self._erased(retained, report) for retained in old))
            report.resume_after = page.cursor
            if page.cursor is None:
                return
            yield

    def _erased(self, retained: RetainedMessage, report: PurgeReport) -> bool:
        erased = self.erase_message(retained)
        report.add("blobs", erased.blobs)
        report.add("contexts", erased.contexts)
        return erased.message

    def _last_messages(self, before: datetime, report: PurgeReport) -> Iterator[None]:
        for erased in self.retention.erase_last_messages(before):
            report.add("last_messages", erased)
            yield

    def _blobs(self, before: datetime, report: PurgeReport) -> Iterator[None]:
        """What no message refers to any more: also what a crash left without one."""
        for folder in self.blob_folders:
            for removed in self.blobs.delete_older(folder, before):
                report.add("blobs", removed)
                yield
