"""What every store promises about the histories that older systems left inside records."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.pages import each_item
from application.ports.stores import Stores
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


def each_with_legacy_messages(stores: Stores) -> Iterator[Conversation]:
    """All of them, read in pages."""
    return each_item(
        lambda cursor: stores.history_import.list_with_legacy_messages(10, after=cursor)
    )


class LegacyMessagesContract(ConversationStoreTests):
    """Records that hold a list are found, and lose it as it was seen."""

    @pytest.fixture
    def put_record(self, stores: Stores) -> PutRecord:
        def put(conversation: Conversation) -> None:
            stores.conversations.open_conversation(conversation)

        return put

    def test_only_records_with_a_list_are_found(
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

    def test_more_than_a_page_of_them_is_found_once_each(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        for number in range(105):
            put_record(a_conversation(conversation_id=f"{number}", legacy_messages=(an_entry(),)))
        found = [record.conversation_id for record in each_with_legacy_messages(stores)]
        assert sorted(found) == sorted(map(str, range(105)))

    def test_a_list_that_is_as_it_was_seen_is_dropped(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(1), an_entry(2))))
        assert stores.history_import.delete_legacy_messages(only(stores))
        assert only(stores) == a_conversation()
        assert list(each_with_legacy_messages(stores)) == []

    def test_a_list_that_is_not_as_it_was_seen_stays(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(1), an_entry(2))))
        before = replace(only(stores), legacy_messages=only(stores).legacy_messages[:1])
        assert not stores.history_import.delete_legacy_messages(before)
        assert only(stores).legacy_messages == (an_entry(1), an_entry(2))

    def test_dropping_is_told_once(self, stores: Stores, put_record: PutRecord) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(),)))
        seen = only(stores)
        assert [stores.history_import.delete_legacy_messages(seen) for _ in range(2)] == [
            True,
            False,
        ]

    def test_a_record_that_is_gone_has_nothing_to_drop(self, stores: Stores) -> None:
        assert not stores.history_import.delete_legacy_messages(
            a_conversation(legacy_messages=(an_entry(),))
        )

    def test_a_message_that_came_meanwhile_is_no_obstacle_and_stays(
        self, stores: Stores, put_record: PutRecord
    ) -> None:
        put_record(a_conversation(legacy_messages=(an_entry(),)))
        seen = only(stores)
        stores.conversations.record_activity(seen, an_inbound_message())
        assert stores.history_import.delete_legacy_messages(seen)
        assert only(stores) == a_conversation().received(an_inbound_message())


class ImportContract(MessageStoreTests):
    """Entries of older systems join a history once, and nothing else."""

    def test_an_imported_entry_is_in_the_history(self, stores: Stores) -> None:
        assert stores.history_import.import_message(KEY, an_entry())
        assert stores.messages.history(KEY) == (an_entry(),)
        assert stores.messages.history(OTHER) == ()

    def test_importing_it_again_changes_nothing(self, stores: Stores) -> None:
        results = [stores.history_import.import_message(KEY, an_entry()) for _ in range(3)]
        assert results == [True, False, False]
        assert stores.messages.history(KEY) == (an_entry(),)

    def test_of_many_who_import_it_at_once_one_does(self, stores: Stores) -> None:
        imported = at_once(
            partial(stores.history_import.import_message, KEY, an_entry()) for _ in range(16)
        )
        assert imported.count(True) == 1
        assert stores.messages.history(KEY) == (an_entry(),)

    @pytest.mark.parametrize(
        "changes", [{"message_id": "M2"}, {"content": "No."}, {"direction": Direction.INBOUND}]
    )
    def test_another_entry_is_imported_beside_it(
        self, stores: Stores, changes: dict[str, Any]
    ) -> None:
        other = an_entry(**changes, timestamp=NOW)
        assert [
            stores.history_import.import_message(KEY, entry) for entry in (an_entry(), other)
        ] == [True] * 2
        assert stores.messages.history(KEY) == (an_entry(), other)

    def test_one_entry_may_be_of_two_conversations(self, stores: Stores) -> None:
        assert [stores.history_import.import_message(key, an_entry()) for key in (KEY, OTHER)] == [
            True,
            True,
        ]
        assert stores.messages.history(OTHER) == (an_entry(),)

    def test_it_stands_among_the_messages_where_it_belongs(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        later = an_entry(2, timestamp=NOW + timedelta(minutes=1))
        for entry in (later, an_entry()):
            stores.history_import.import_message(KEY, entry)
        message = an_inbound_message().in_history()
        assert stores.messages.history(KEY) == (an_entry(), message, later)
        assert stores.messages.history(KEY, limit=2) == (message, later)
        assert stores.messages.history(KEY, after=NOW) == (later,)

    def test_the_gate_does_not_know_it(self, stores: Stores) -> None:
        message = an_inbound_message()
        stores.history_import.import_message(KEY, message.in_history())
        assert stores.messages.record(a_record(message)) is None

    def test_it_is_neither_pending_nor_unmatched(self, stores: Stores) -> None:
        stores.history_import.import_message(KEY, an_entry())
        assert stores.outbox.list_stuck(10, NOW + timedelta(days=1)) == ()
        assert stores.messages.list_unmatched(10).items == ()

    def test_a_long_entry_is_whole(self, stores: Stores) -> None:
        entry = an_entry(content="ä" * 150_000, metadata={"text": "ß" * 60_000, "number": 1.0})
        stores.history_import.import_message(KEY, entry)
        assert stores.messages.history(KEY) == (entry,)
