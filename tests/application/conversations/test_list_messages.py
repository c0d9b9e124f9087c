"""Listing the messages of a conversation, those of older systems too."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.conversations.list_messages import ListMessages
from application.conversations.migrate_history import MigrateHistory
from application.ports.pages import each_item, write_cursor
from domain.conversations import HistoryEntry, Message
from domain.errors import ConversationNotFoundError, InvalidCursorError
from domain.messages import Attachment, ConversationKey, MessageState
from infrastructure.memory.backend import MemoryBackend
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.cursors import WRONG_CURSORS
from tests.contracts.legacy_histories import an_entry
from tests.contracts.message_lists import numbered

LEGACY = tuple(map(an_entry, range(1, 6)))


class Frontdesk:
    """One conversation in memory, with a list that an older system left in it."""

    def __init__(self, *legacy: Message) -> None:
        backend = MemoryBackend()
        self.stores = backend.stores
        self.stores.conversations.open_conversation(a_conversation(legacy_messages=legacy))
        self.list_messages = ListMessages(self.stores.conversations, self.stores.messages)

    def ids(self, limit: int) -> list[str]:
        """The ids on all pages."""
        pages = each_item(lambda cursor: self.list_messages(KEY, limit, after=cursor))
        return [entry.message.message_id for entry in pages]

    def migrate(self) -> None:
        migrate = MigrateHistory(self.stores.conversations, self.stores.history_import)
        assert [one.complete for one in migrate()] == [True]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("migrated", [False, True])
def test_pages_have_every_message_once_the_latest_first(limit: int, *, migrated: bool) -> None:
    frontdesk = Frontdesk(*LEGACY)
    for number in (2, 0, 1):
        frontdesk.stores.messages.record(numbered(number))
    if migrated:
        frontdesk.migrate()
    recorded = [f"SM{number:032}" for number in (2, 1, 0)]
    assert frontdesk.ids(limit) == [*recorded, "M5", "M4", "M3", "M2", "M1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("migrated", [False, True])
def test_entries_of_one_moment_keep_the_order_of_their_list(limit: int, *, migrated: bool) -> None:
    frontdesk = Frontdesk(*(replace(entry, timestamp=NOW) for entry in LEGACY))
    if migrated:
        frontdesk.migrate()
    assert frontdesk.ids(limit) == ["M5", "M4", "M3", "M2", "M1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_page_goes_on_after_messages_of_one_moment(limit: int) -> None:
    frontdesk = Frontdesk()
    for number in range(4):
        same = an_inbound_message(message_id=f"SM{number}")
        frontdesk.stores.messages.record(a_record(same))
    before = an_inbound_message(message_id="SM9", received_at=NOW - timedelta(seconds=1))
    frontdesk.stores.messages.record(a_record(before))
    ids = frontdesk.ids(limit)
    assert sorted(ids) == ["SM0", "SM1", "SM2", "SM3", "SM9"]
    assert ids[-1] == "SM9"


def test_entry_that_was_imported_and_is_still_in_the_list_comes_once() -> None:
    frontdesk = Frontdesk(*LEGACY)
    for entry in LEGACY[1:4]:
        frontdesk.stores.history_import.import_message(KEY, entry)
    assert frontdesk.ids(100) == ["M5", "M4", "M3", "M2", "M1"]


def test_entry_leads_to_its_message_and_its_files() -> None:
    frontdesk = Frontdesk(LEGACY[0])
    files = (Attachment("image/png", url="https://media.example/1"),)
    record = a_record(an_inbound_message(attachments=files))
    frontdesk.stores.messages.record(record)
    frontdesk.stores.outbox.mark_queued(record.request_id, NOW)
    queued = replace(record, state=MessageState.QUEUED, queued_at=NOW)
    assert frontdesk.list_messages(KEY).items == (
        HistoryEntry(Message.of(record.message), queued),
        HistoryEntry(LEGACY[0]),
    )


def test_messages_of_an_unknown_conversation_are_not_listed() -> None:
    with pytest.raises(ConversationNotFoundError):
        Frontdesk().list_messages(ConversationKey("unknown", KEY.primary_channel))


@pytest.mark.parametrize("cursor", [*WRONG_CURSORS, write_cursor("messages", "yesterday")])
def test_wrong_cursor_of_messages_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        Frontdesk().list_messages(KEY, after=cursor)
