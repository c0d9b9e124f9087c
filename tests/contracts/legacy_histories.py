"""The contract of ``HistoryImport``: histories that older systems left inside records."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.pages import each_item
from application.ports.stores import Stores
from domain.channels import ChannelType
from domain.conversations import Conversation, Direction, Message
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.concurrency import at_once
from tests.contracts.conversation_changes import ConversationStoreTests, only
from tests.contracts.message_lists import OTHER, MessageStoreTests

PutRecord = Callable[[Conversation], None]
"""Writes a record as an older system would, with its list of messages."""


def an_entry(number: int = 1, **changes: Any) -> Message:
    """Entry ``number`` of a legacy history; each is a minute later than the one before."""
    at = NOW - timedelta(days=1) + timedelta(minutes=number)
    metadata = {"agent": {"name": "Eve", "shift": 2}}
    entry = Message(f"M{number}", Direction.OUTBOUND, "On its way.", at, ChannelType.SMS, metadata)
    return replace(entry, **changes)


def each_with_legacy_messages(stores: Stores) -> Iterator[Conversation]:
    """All records with legacy messages, read in pages."""
    return each_item(
        lambda cursor: stores.history_import.list_with_legacy_messages(10, after=cursor)
    )


class LegacyMessagesContract(ConversationStoreTests):
    """Records with a list of legacy messages are found; an unchanged list can be deleted."""

    @pytest.fixture
    def put_record(self, stores: Stores) -> PutRecord:
        def put(conversation: Conversation) -> None:
            stores.conversations.open_conversation(conversation)

        return put

    def test_only_records_with_a_list_of_legacy_messages_are_found(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        for number in range(3):
            put_record(a_conversation(conversation_id=f"new-{number}"))
            put_record(
                a_conversation(conversation_id=f"old-{number}", legacy_messages=(an_entry(),))
            )
        found = list(each_with_legacy_messages(stores))
        assert sorted(record.conversation_id for record in found) == ["old-0", "old-1", "old-2"]
        assert [record.legacy_messages for record in found] == [(an_entry(),)] * 3

    def test_records_with_legacy_messages_on_several_pages_are_found_once_each(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        for number in range(105):
            put_record(a_conversation(conversation_id=f"{number}", legacy_messages=(an_entry(),)))
        found = [record.conversation_id for record in each_with_legacy_messages(stores)]
        assert sorted(found) == sorted(map(str, range(105)))

    def test_unchanged_list_of_legacy_messages_is_deleted(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(1), an_entry(2))))
        assert stores.history_import.delete_legacy_messages(only(stores))
        assert only(stores) == a_conversation()
        assert list(each_with_legacy_messages(stores)) == []

    def test_changed_list_of_legacy_messages_is_not_deleted(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(1), an_entry(2))))
        before = replace(only(stores), legacy_messages=only(stores).legacy_messages[:1])
        assert not stores.history_import.delete_legacy_messages(before)
        assert only(stores).legacy_messages == (an_entry(1), an_entry(2))

    def test_deleting_legacy_messages_twice_reports_one_deletion(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(),)))
        seen = only(stores)
        assert [stores.history_import.delete_legacy_messages(seen) for _ in range(2)] == [
            True,
            False,
        ]

    def test_deleting_legacy_messages_of_a_missing_record_deletes_nothing(
        self, stores: Stores
    ) -> None:
        assert not stores.history_import.delete_legacy_messages(
            a_conversation(legacy_messages=(an_entry(),))
        )

    def test_message_received_in_the_meantime_stays_when_legacy_messages_are_deleted(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(),)))
        seen = only(stores)
        stores.conversations.record_activity(seen, an_inbound_message())
        assert stores.history_import.delete_legacy_messages(seen)
        assert only(stores) == a_conversation().received(an_inbound_message())


class ImportContract(MessageStoreTests):
    """An entry of an older system is imported into a history once, and into no other list."""

    def test_imported_entry_is_in_the_history(self, stores: Stores) -> None:
        assert stores.history_import.import_message(KEY, an_entry())
        assert stores.messages.history(KEY) == (an_entry(),)
        assert stores.messages.history(OTHER) == ()

    def test_importing_an_entry_again_changes_nothing(self, stores: Stores) -> None:
        results = [stores.history_import.import_message(KEY, an_entry()) for _ in range(3)]
        assert results == [True, False, False]
        assert stores.messages.history(KEY) == (an_entry(),)

    def test_concurrent_imports_of_one_entry_succeed_once(self, stores: Stores) -> None:
        imported = at_once(
            partial(stores.history_import.import_message, KEY, an_entry()) for _ in range(16)
        )
        assert imported.count(True) == 1
        assert stores.messages.history(KEY) == (an_entry(),)

    @pytest.mark.parametrize(
        "changes", [{"message_id": "M2"}, {"content": "No."}, {"direction": Direction.INBOUND}]
    )
    def test_entries_that_differ_in_one_field_are_both_imported(
        self, stores: Stores, changes: dict[str, Any]
    ) -> None:
        other = an_entry(**changes, timestamp=NOW)
        assert [
            stores.history_import.import_message(KEY, entry) for entry in (an_entry(), other)
        ] == [True] * 2
        assert stores.messages.history(KEY) == (an_entry(), other)

    def test_same_entry_can_be_imported_into_two_conversations(self, stores: Stores) -> None:
        assert [stores.history_import.import_message(key, an_entry()) for key in (KEY, OTHER)] == [
            True,
            True,
        ]
        assert stores.messages.history(OTHER) == (an_entry(),)

    def test_imported_entry_is_ordered_by_time_among_recorded_messages(
        self, stores: Stores
    ) -> None:
        stores.messages.record(a_record())
        later = an_entry(2, timestamp=NOW + timedelta(minutes=1))
        for entry in (later, an_entry()):
            stores.history_import.import_message(KEY, entry)
        message = Message.of(an_inbound_message())
        assert stores.messages.history(KEY) == (an_entry(), message, later)
        assert stores.messages.history(KEY, limit=2) == (message, later)
        assert stores.messages.history(KEY, after=NOW) == (later,)

    def test_imported_entry_does_not_make_its_message_a_duplicate(self, stores: Stores) -> None:
        message = an_inbound_message()
        stores.history_import.import_message(KEY, Message.of(message))
        assert stores.messages.record(a_record(message)) is None

    def test_imported_entry_is_neither_stuck_nor_unmatched(self, stores: Stores) -> None:
        stores.history_import.import_message(KEY, an_entry())
        assert stores.outbox.list_stuck(10, NOW + timedelta(days=1)) == ()
        assert stores.messages.list_unmatched(10).items == ()

    def test_long_imported_entry_is_read_back_whole(self, stores: Stores) -> None:
        entry = an_entry(content="ä" * 150_000, metadata={"text": "ß" * 60_000, "number": 1.0})
        stores.history_import.import_message(KEY, entry)
        assert stores.messages.history(KEY) == (entry,)
