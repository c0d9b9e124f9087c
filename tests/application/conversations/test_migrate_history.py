"""Migrating the lists of messages in old records: nothing is lost or duplicated."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.conversations.migrate_history import (
    ATTEMPTS,
    MigratedHistory,
    MigrateHistory,
    in_lasting_order,
)
from application.conversations.show_conversation import ShowConversation
from domain.conversations import Conversation, Direction, Message
from domain.errors import StorageUnavailableError
from domain.messages import ConversationKey
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_retention import MemoryHistoryImport
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.concurrency import at_once
from tests.contracts.legacy_histories import an_entry

ENTRIES = tuple(map(an_entry, range(1, 6)))


class FailingImport(MemoryHistoryImport):
    """Is unavailable after ``left`` imports."""

    left = 2

    def import_message(self, key: ConversationKey, message: Message) -> bool:
        if not self.left:
            raise StorageUnavailableError("the store is down")
        self.left -= 1
        return super().import_message(key, message)


class GrowingImport(MemoryHistoryImport):
    """Another system appends ``appended`` entries, each just before a list is deleted."""

    appended = 0

    def delete_legacy_messages(self, seen: Conversation) -> bool:
        if self.appended:
            present = self._data.conversations[seen.key]
            grown = (*present.legacy_messages, an_entry(100 - self.appended))
            self._data.conversations[seen.key] = replace(present, legacy_messages=grown)
            self.appended -= 1
        return super().delete_legacy_messages(seen)


class Stores:
    """Stores with one old record."""

    def __init__(self) -> None:
        self.data = MemoryData()
        self.conversations = MemoryConversationStore(self.data)
        self.messages = MemoryMessageStore(self.data)
        self.importing: Any = GrowingImport(self.data)
        self.conversations.open_conversation(a_conversation(legacy_messages=ENTRIES))

    def migrate(self) -> list[MigratedHistory]:
        return list(MigrateHistory(self.conversations, self.importing)())

    def shown(self) -> list[str]:
        """The ids in the history, in its order."""
        ((_, history),) = ShowConversation(self.conversations, self.messages)(KEY.conversation_id)
        return [message.message_id for message in history]

    def left(self) -> int:
        """How many entries the record still has."""
        (record,) = self.conversations.get_conversations(KEY.conversation_id)
        return len(record.legacy_messages)


@pytest.fixture
def stores() -> Stores:
    return Stores()


IDS = [entry.message_id for entry in ENTRIES]


def test_migration_turns_every_entry_into_a_message_and_deletes_the_list(stores: Stores) -> None:
    assert stores.migrate() == [MigratedHistory(KEY, 5, complete=True)]
    assert stores.messages.history(KEY) == ENTRIES
    assert (stores.shown(), stores.left()) == (IDS, 0)


def test_second_migration_finds_nothing_to_move(stores: Stores) -> None:
    stores.migrate()
    assert stores.migrate() == []
    assert stores.shown() == IDS


def test_interrupted_migration_shows_all_entries_and_is_continued(stores: Stores) -> None:
    stores.importing = FailingImport(stores.data)
    with pytest.raises(StorageUnavailableError):
        stores.migrate()
    assert (stores.shown(), stores.left()) == (IDS, 5)
    stores.importing.left = 5
    assert stores.migrate() == [MigratedHistory(KEY, 3, complete=True)]
    assert stores.shown() == IDS


def test_concurrent_migrations_import_every_entry_once(stores: Stores) -> None:
    results = at_once([stores.migrate] * 8)
    assert sum(migrated.imported for found in results for migrated in found) == len(ENTRIES)
    assert (stores.shown(), stores.left()) == (IDS, 0)


def test_entries_appended_by_another_system_during_the_migration_are_moved_too(
    stores: Stores,
) -> None:
    stores.importing.appended = 2
    assert stores.migrate() == [MigratedHistory(KEY, 7, complete=True)]
    assert (stores.shown(), stores.left()) == ([*IDS, "M98", "M99"], 0)


def test_list_that_grows_during_every_attempt_is_reported_as_incomplete(stores: Stores) -> None:
    stores.importing.appended = ATTEMPTS
    (migrated,) = stores.migrate()
    assert not migrated.complete
    assert stores.left() == len(ENTRIES) + ATTEMPTS
    assert stores.migrate() == [MigratedHistory(KEY, 1, complete=True)]


def test_message_received_again_after_the_migration_is_shown_once(stores: Stores) -> None:
    written = an_entry(9, direction=Direction.INBOUND)
    again = an_inbound_message(message_id="M9", received_at=NOW + timedelta(days=1))
    assert stores.importing.import_message(KEY, written)
    assert stores.messages.record(a_record(again)) is None
    assert sorted(stores.shown()) == [*IDS, "M9"]


def test_reply_with_the_message_id_of_its_question_hides_no_message(stores: Stores) -> None:
    asked = an_inbound_message(message_id="M3", received_at=NOW)
    assert stores.messages.record(a_record(asked)) is None
    assert stores.shown() == [*IDS, "M3"]


def test_entries_with_the_same_timestamp_stay_in_their_order() -> None:
    entries = [an_entry(n, timestamp=NOW) for n in (3, 1, 2)] + [an_entry(4)]
    lasting = in_lasting_order(entries)
    assert [entry.timestamp - NOW for entry in lasting[:3]] == [
        timedelta(microseconds=n) for n in range(3)
    ]
    assert lasting[3] == an_entry(4)
