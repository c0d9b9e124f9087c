"""What every store promises about the histories that older systems left inside records."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.conversation_store import ConversationStore
from application.ports.message_store import MessageStore
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.history import Direction, Message
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.concurrency import at_once
from tests.contracts.conversation_changes import ConversationStoreTests, only
from tests.contracts.message_lists import OTHER, MessageStoreTests

PutRecord = Callable[[Conversation], None]
"""Puts a record there as an older system would, its list of messages in it."""


def an_entry(number: int = 1, **changes: Any) -> Message:
    """An answer, a minute after the one before."""
    at = NOW - timedelta(days=1) + timedelta(minutes=number)
    metadata = {"agent": {"name": "Eve", "shift": 2}}
    entry = Message(f"M{number}", Direction.OUTBOUND, "On its way.", at, ChannelType.SMS, metadata)
    return replace(entry, **changes)


class LegacyMessagesContract(ConversationStoreTests):
    """Records that hold a list are found, and lose it as it was seen."""

    @pytest.fixture
    def put_record(self, store: ConversationStore) -> PutRecord:
        def put(conversation: Conversation) -> None:
            store.open_conversation(conversation)

        return put

    def test_only_records_with_a_list_are_found(
        self, store: ConversationStore, put_record: PutRecord
    ) -> None:
        for number in range(3):
            put_record(a_conversation(conversation_id=f"new-{number}"))
            put_record(
                a_conversation(conversation_id=f"old-{number}", legacy_messages=(an_entry(),))
            )
        found = list(store.with_legacy_messages())
        assert sorted(record.conversation_id for record in found) == ["old-0", "old-1", "old-2"]
        assert [record.legacy_messages for record in found] == [(an_entry(),)] * 3

    def test_more_than_a_page_of_them_is_found_once_each(
        self, store: ConversationStore, put_record: PutRecord
    ) -> None:
        for number in range(105):
            put_record(a_conversation(conversation_id=f"{number}", legacy_messages=(an_entry(),)))
        found = [record.conversation_id for record in store.with_legacy_messages()]
        assert sorted(found) == sorted(map(str, range(105)))

    def test_a_list_that_is_as_it_was_seen_is_dropped(
        self, store: ConversationStore, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(1), an_entry(2))))
        assert store.drop_legacy_messages(only(store))
        assert only(store) == a_conversation()
        assert list(store.with_legacy_messages()) == []

    def test_a_list_that_is_not_as_it_was_seen_stays(
        self, store: ConversationStore, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(1), an_entry(2))))
        before = replace(only(store), legacy_messages=only(store).legacy_messages[:1])
        assert not store.drop_legacy_messages(before)
        assert only(store).legacy_messages == (an_entry(1), an_entry(2))

    def test_dropping_is_told_once(self, store: ConversationStore, put_record: PutRecord) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(),)))
        seen = only(store)
        assert [store.drop_legacy_messages(seen) for _ in range(2)] == [True, False]

    def test_a_record_that_is_gone_has_nothing_to_drop(self, store: ConversationStore) -> None:
        assert not store.drop_legacy_messages(a_conversation(legacy_messages=(an_entry(),)))

    def test_a_message_that_came_meanwhile_is_no_obstacle_and_stays(
        self, store: ConversationStore, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(),)))
        seen = only(store)
        store.record_activity(seen, an_inbound_message())
        assert store.drop_legacy_messages(seen)
        assert only(store) == a_conversation().received(an_inbound_message())


class ImportContract(MessageStoreTests):
    """Entries of older systems join a history once, and nothing else."""

    def test_an_imported_entry_is_in_the_history(self, store: MessageStore) -> None:
        assert store.import_message(KEY, an_entry())
        assert store.history(KEY) == (an_entry(),)
        assert store.history(OTHER) == ()

    def test_importing_it_again_changes_nothing(self, store: MessageStore) -> None:
        results = [store.import_message(KEY, an_entry()) for _ in range(3)]
        assert results == [True, False, False]
        assert store.history(KEY) == (an_entry(),)

    def test_of_many_who_import_it_at_once_one_does(self, store: MessageStore) -> None:
        imported = at_once(partial(store.import_message, KEY, an_entry()) for _ in range(16))
        assert imported.count(True) == 1
        assert store.history(KEY) == (an_entry(),)

    @pytest.mark.parametrize(
        "changes", [{"message_id": "M2"}, {"content": "No."}, {"direction": Direction.INBOUND}]
    )
    def test_another_entry_is_imported_beside_it(
        self, store: MessageStore, changes: dict[str, Any]
    ) -> None:
        other = an_entry(**changes, timestamp=NOW)
        assert [store.import_message(KEY, entry) for entry in (an_entry(), other)] == [True] * 2
        assert store.history(KEY) == (an_entry(), other)

    def test_one_entry_may_be_of_two_conversations(self, store: MessageStore) -> None:
        assert [store.import_message(key, an_entry()) for key in (KEY, OTHER)] == [True, True]
        assert store.history(OTHER) == (an_entry(),)

    def test_it_stands_among_the_messages_where_it_belongs(self, store: MessageStore) -> None:
        store.record(a_record())
        later = an_entry(2, timestamp=NOW + timedelta(minutes=1))
        for entry in (later, an_entry()):
            store.import_message(KEY, entry)
        message = an_inbound_message().in_history()
        assert store.history(KEY) == (an_entry(), message, later)
        assert store.history(KEY, limit=2) == (message, later)
        assert store.history(KEY, after=NOW) == (later,)

    def test_the_gate_does_not_know_it(self, store: MessageStore) -> None:
        message = an_inbound_message()
        store.import_message(KEY, message.in_history())
        assert store.record(a_record(message)) is None

    def test_it_is_neither_pending_nor_unmatched(self, store: MessageStore) -> None:
        store.import_message(KEY, an_entry())
        assert store.list_stuck(10, NOW + timedelta(days=1)) == ()
        assert store.list_unmatched(10) == ()

    def test_a_long_entry_is_whole(self, store: MessageStore) -> None:
        entry = an_entry(content="ä" * 150_000, metadata={"text": "ß" * 60_000, "number": 1.0})
        store.import_message(KEY, entry)
        assert store.history(KEY) == (entry,)
