"""The purge erases expired data in batches, and nothing else."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from application.clock import utc_now
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.pages import Page
from application.ports.webhook_parser import ParsedMessage
from application.privacy.erase_message import EraseMessage
from application.privacy.purge_expired import (
    BATCH,
    PurgeExpired,
    PurgeReport,
    RetentionTimes,
)
from domain.channels import ChannelType
from domain.erasure import RetainedMessage, Tombstone
from domain.messages import AttachedFile, Attachment, ConversationKey, MessageRecord, MessageState
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.memory.memory_retention import MemoryRetention
from infrastructure.sqlite.backend import SqliteBackend
from infrastructure.sqlite.database import SqliteDatabase
from tests.application.frontdesk import FrontDesk
from tests.builders import KEY, NOW, a_record, an_inbound_message, verified
from tests.contracts.concurrency import at_once
from tests.contracts.legacy_histories import an_entry
from tests.contracts.message_lists import numbered

DAY = timedelta(days=1)
YEAR = RetentionTimes(messages=365 * DAY)
FOR_EVER = RetentionTimes()


class Desk(FrontDesk):
    """A front desk with the purge."""

    abandoned_at: datetime | None = None

    def purges(self, after: timedelta, times: RetentionTimes = YEAR, **options: Any) -> PurgeReport:
        """Purge so long after ``NOW``."""
        ticks = iter(range(10_000))
        purge = PurgeExpired(
            messages=self.messages,
            retention=self.retention,
            erase_message=EraseMessage(self.retention, self.blobs, self.queue),
            blobs=self.blobs,
            throttle=self.throttle,
            dead_letters=self.dead_letters,
            delete_stale_files=self.delete_stale_files,
            times=times,
            metrics=self.metrics,
            monotonic=lambda: next(ticks),
        )
        return purge(NOW + after, **options)

    def delete_stale_files(self, before: datetime) -> int:
        return int(self.abandoned_at is not None and self.abandoned_at < before)

    def with_a_file(self, message_id: str, **changes: Any) -> ParsedMessage:
        content = message_id.encode()
        message = an_inbound_message(message_id=message_id, **changes)
        return ParsedMessage(
            message, (AttachedFile(Attachment("text/plain", sha256="ab" * 32), content),)
        )

    def stores_dead_letter(self, number: int, age: timedelta = timedelta(0)) -> None:
        self.dead_letters.store(
            DeadLetter(
                f"bug-{number}",
                DeadLetterKind.BUG,
                "why",
                1,
                NOW - age,
                verified(self.request()),
            )
        )


@pytest.fixture
def frontdesk() -> Desk:
    frontdesk = Desk()
    frontdesk.given_conversation()
    return frontdesk


def removed(report: PurgeReport) -> dict[str, int]:
    return {place: number for place, number in report.removed.items() if number}


def test_purge_erases_an_expired_message_with_its_files_contexts_and_copies(
    frontdesk: Desk,
) -> None:
    frontdesk.receive(frontdesk.with_a_file("1"))
    (entry,) = frontdesk.messages.history(KEY)
    assert removed(frontdesk.purges(365 * DAY)) == {}
    report = frontdesk.purges(365 * DAY + DAY)
    assert removed(report) == {"messages": 1, "blobs": 1, "contexts": 1, "last_messages": 1}
    assert frontdesk.messages.history(KEY) == ()
    assert frontdesk.queued() == {}
    (conversation,) = frontdesk.conversations.get_conversations(KEY.conversation_id)
    assert conversation.last_message is None
    assert entry.content not in repr(frontdesk.retention.list_retained(10).items)


def test_purged_message_sent_again_is_a_duplicate(frontdesk: Desk) -> None:
    message = frontdesk.with_a_file("1")
    frontdesk.receive(message)
    frontdesk.purges(400 * DAY)
    frontdesk.receive(message)
    assert frontdesk.metrics.total("Duplicates") == 1
    assert frontdesk.retention.list_retained(10).items == ()
    assert frontdesk.blobs.delete("attachments") == 0


def test_purge_erases_imported_entries_like_messages(frontdesk: Desk) -> None:
    frontdesk.history_import.import_message(KEY, an_entry())
    assert removed(frontdesk.purges(366 * DAY)) == {"messages": 1}


def test_purge_without_a_retention_leaves_messages_unchanged(frontdesk: Desk) -> None:
    frontdesk.receive(frontdesk.with_a_file("1"))
    assert removed(frontdesk.purges(10_000 * DAY, FOR_EVER)) == {}
    assert len(frontdesk.messages.history(KEY)) == 1


def test_purge_leaves_pending_messages_unchanged(frontdesk: Desk) -> None:
    frontdesk.messages.record(a_record())
    assert removed(frontdesk.purges(400 * DAY)) == {}
    assert frontdesk.messages.record(a_record()) == a_record()


def test_purge_erases_undeliverable_messages(frontdesk: Desk) -> None:
    frontdesk.messages.record(a_record(state=MessageState.UNDELIVERABLE))
    frontdesk.purges(400 * DAY)
    assert isinstance(frontdesk.messages.record(a_record()), Tombstone)


def test_purge_erases_unmatched_messages_after_30_days_without_a_retention(frontdesk: Desk) -> None:
    for number in range(BATCH + 5):
        frontdesk.messages.record(numbered(number, None))
    frontdesk.messages.record(numbered(86_400, None))
    report = frontdesk.purges(30 * DAY + timedelta(hours=1), FOR_EVER)
    assert removed(report) == {"unmatched": BATCH + 5}
    assert len(frontdesk.messages.list_unmatched(10).items) == 1


def test_purge_deletes_dead_letters_after_their_retention(frontdesk: Desk) -> None:
    for number in range(25):
        frontdesk.stores_dead_letter(number, age=31 * DAY)
    frontdesk.stores_dead_letter(99, age=29 * DAY)
    assert removed(frontdesk.purges(timedelta(0), FOR_EVER)) == {"dead_letters": 25}
    assert [
        dead_letter.dead_letter_id for dead_letter in frontdesk.dead_letters.each_dead_letter()
    ] == ["bug-99"]


class SealedDeadLetters(MemoryDeadLetters):
    """Reading one is an error: it may have 32 MiB."""

    def get(self, dead_letter_id: str) -> DeadLetter | None:
        raise AssertionError(dead_letter_id)

    def each_dead_letter(self, **_: object) -> Iterator[DeadLetter]:
        raise AssertionError


def test_purge_deletes_dead_letters_without_reading_them() -> None:
    frontdesk = Desk(dead_letters=SealedDeadLetters())
    frontdesk.stores_dead_letter(1, age=31 * DAY)
    assert removed(frontdesk.purges(timedelta(0), FOR_EVER)) == {"dead_letters": 1}


def test_purge_of_one_recipients_message_leaves_the_files_of_the_others() -> None:
    frontdesk = Desk()
    frontdesk.given_conversation(ChannelType.EMAIL)
    matched = frontdesk.with_a_file("<1@example.com>", channel=ChannelType.EMAIL)
    unmatched = frontdesk.with_a_file(
        "<1@example.com>", channel=ChannelType.EMAIL, recipient="sales@acme.example"
    )
    frontdesk.receive(matched, unmatched)
    assert removed(frontdesk.purges(31 * DAY, FOR_EVER)) == {
        "unmatched": 1,
        "blobs": 1,
        "throttle": 2,
    }
    key = ConversationKey("conversation-1", ChannelType.EMAIL)
    (retained,) = frontdesk.retention.list_retained_of(key, 10).items
    assert retained.message is not None
    (file,) = retained.message.attachments
    assert frontdesk.blobs.get(file.reference or "") == b"<1@example.com>"


class BesideAnother(MemoryMessageStore):
    """Another purge erases every second unmatched message just after the messages are listed."""

    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        page = super().list_unmatched(limit, after=after)
        for record in page.items[::2]:
            MemoryRetention(self._data).erase(RetainedMessage.of(record))
        return page


def test_purge_completes_while_another_purge_erases_the_same_messages() -> None:
    data = MemoryData()
    frontdesk = Desk(data=data, messages=BesideAnother(data))
    for number in range(3 * BATCH):
        frontdesk.messages.record(numbered(number, None))
    report = frontdesk.purges(31 * DAY, FOR_EVER)
    assert report.complete
    assert removed(report) == {"unmatched": 3 * BATCH // 2}
    assert frontdesk.messages.list_unmatched(10).items == ()


def test_concurrent_purges_erase_every_expired_message_once(tmp_path: Path) -> None:
    with closing(SqliteDatabase(tmp_path / "frontdesk.db")) as database:
        stores = SqliteBackend(Path(), lambda: database, utc_now, MemoryMetrics()).stores
        frontdesk = Desk(messages=stores.messages, retention=stores.retention)
        for number in range(4 * BATCH):
            frontdesk.messages.record(numbered(number, None))
        reports = at_once([partial(frontdesk.purges, 31 * DAY, FOR_EVER)] * 2)
        assert all(report.complete for report in reports)
        assert sum(report.removed["unmatched"] for report in reports) == 4 * BATCH
        assert frontdesk.messages.list_unmatched(10).items == ()


def test_purge_deletes_throttle_entries_after_their_window(frontdesk: Desk) -> None:
    frontdesk.receive(an_inbound_message(sender="+14155550199"))
    assert removed(frontdesk.purges(DAY, FOR_EVER)) == {}
    # The sender's, and the count of that hour.
    assert removed(frontdesk.purges(2 * DAY, FOR_EVER)) == {"throttle": 2}


def test_purge_deletes_stale_temporary_files_after_a_day(frontdesk: Desk) -> None:
    frontdesk.abandoned_at = NOW
    assert removed(frontdesk.purges(DAY, FOR_EVER)) == {}
    assert removed(frontdesk.purges(DAY + timedelta(seconds=1), FOR_EVER)) == {"temporary_files": 1}


def test_purge_deletes_files_without_a_message_by_their_age(frontdesk: Desk) -> None:
    frontdesk.blobs.put("attachments/orphan/1", b"x")
    frontdesk.blobs.put("spool/waits", b"x")
    until_then = datetime.now(UTC) + (365 + 30) * DAY - NOW
    assert removed(frontdesk.purges(until_then - DAY)) == {}
    assert removed(frontdesk.purges(until_then + DAY)) == {"blobs": 1}
    assert frontdesk.blobs.delete("spool") == 1


def test_purge_stops_after_its_time_budget_and_the_next_one_continues(frontdesk: Desk) -> None:
    for number in range(3 * BATCH):
        frontdesk.messages.record(numbered(number))
        frontdesk.outbox.mark_queued(numbered(number).request_id, NOW)
    first = frontdesk.purges(400 * DAY, budget_seconds=3.5)
    assert not first.complete
    assert frontdesk.metrics.total("Purges") == 0
    assert 0 < first.removed["messages"] < 3 * BATCH
    second = frontdesk.purges(400 * DAY, resume_after=first.resume_after)
    assert second.complete
    assert frontdesk.metrics.total("Purges") == 1
    assert second.resume_after is None
    assert first.removed["messages"] + second.removed["messages"] == 3 * BATCH


def test_purge_counts_what_it_removed(frontdesk: Desk) -> None:
    frontdesk.receive(an_inbound_message(ChannelType.SMS))
    frontdesk.purges(400 * DAY)
    assert frontdesk.metrics.total("Purged", place="messages") == 1
