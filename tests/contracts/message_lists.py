"""The contract of ``MessageStore`` and ``Outbox`` for lists: history, stuck, unmatched."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.ports.stores import Stores
from domain.channels import ChannelType
from domain.conversations import Direction, HistoryEntry, Message
from domain.errors import InvalidCursorError
from domain.messages import STUCK_AFTER, ConversationKey, MessageRecord, MessageState
from tests.builders import KEY, NOW, a_record, an_inbound_message
from tests.contracts.cursors import WRONG_CURSORS

OTHER = ConversationKey("conversation-2", ChannelType.SMS)
LATER = NOW + timedelta(seconds=30)


def numbered(number: int, conversation: ConversationKey | None = KEY) -> MessageRecord:
    """Record ``number`` of many, each received a second after the one before."""
    moment = NOW + timedelta(seconds=number)
    message = an_inbound_message(
        message_id=f"SM{number:032}", body=f"Message {number}", received_at=moment
    )
    return a_record(message, conversation, recorded_at=moment)


def numbers(records: Iterable[MessageRecord]) -> list[int]:
    """The numbers that ``numbered`` gave the records."""
    return [int(record.message.provider_message_id.removeprefix("SM")) for record in records]


class MessageStoreTests:
    """The fixture that a backend overrides."""

    @pytest.fixture
    def stores(self) -> Stores:
        raise NotImplementedError("a backend provides it")


class HistoryContract(MessageStoreTests):
    """The messages of a conversation, oldest first."""

    @pytest.fixture
    def five_messages(self, stores: Stores) -> Stores:
        """A store with messages 0 to 4 of one conversation, recorded out of order."""
        for number in (3, 0, 4, 2, 1):
            stores.messages.record(numbered(number))
        return stores

    def texts(self, stores: Stores, **options: Any) -> list[str]:
        return [message.content for message in stores.messages.history(KEY, **options)]

    def test_history_entry_is_the_message_as_the_domain_shows_it(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.messages.history(KEY) == (Message.of(a_record().message),)

    def test_history_is_in_order_of_receipt(self, five_messages: Stores) -> None:
        assert self.texts(five_messages) == [f"Message {number}" for number in range(5)]

    def test_history_with_a_limit_has_the_latest_messages(self, five_messages: Stores) -> None:
        assert self.texts(five_messages, limit=2) == ["Message 3", "Message 4"]

    def test_history_can_begin_after_a_moment(self, five_messages: Stores) -> None:
        after = NOW + timedelta(seconds=2)
        assert self.texts(five_messages, after=after) == ["Message 3", "Message 4"]

    def test_history_has_no_messages_of_other_conversations(self, stores: Stores) -> None:
        for number, key in enumerate(
            [OTHER, ConversationKey(KEY.conversation_id, ChannelType.EMAIL)]
        ):
            stores.messages.record(numbered(number, key))
        stores.messages.record(numbered(2, None))
        assert stores.messages.history(KEY) == ()

    def test_reassigned_message_is_in_the_history_of_its_new_conversation(
        self, stores: Stores
    ) -> None:
        stores.messages.record(a_record())
        stores.messages.assign(a_record(), OTHER)
        assert (len(stores.messages.history(KEY)), len(stores.messages.history(OTHER))) == (0, 1)

    def test_queued_message_stays_in_the_history(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.mark_queued(a_record().request_id, NOW)
        assert len(stores.messages.history(KEY)) == 1


class EntriesContract(MessageStoreTests):
    """The messages of a conversation with their records, latest first."""

    def entries(self, stores: Stores, size: int) -> list[HistoryEntry]:
        """All entries, read by as many as ``size`` at once."""
        found: list[HistoryEntry] = []
        while page := stores.messages.list_entries(
            KEY, size, before=found[-1].timestamp if found else None
        ):
            found += page
        return found

    def test_entry_has_its_record_as_far_as_it_has_come(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.mark_queued(a_record().request_id, LATER)
        (entry,) = stores.messages.list_entries(KEY, 10)
        record = replace(a_record(), state=MessageState.QUEUED, queued_at=LATER)
        assert entry == HistoryEntry(Message.of(a_record().message), record)

    def test_imported_entry_has_no_record(self, stores: Stores) -> None:
        message = numbered_answer(1)
        stores.history_import.import_message(KEY, message)
        assert stores.messages.list_entries(KEY, 10) == (HistoryEntry(message),)

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_messages_and_imported_entries_are_listed_once_by_time(
        self, stores: Stores, size: int
    ) -> None:
        for number in (3, 0, 4, 2, 1):
            stores.messages.record(numbered(number))
            stores.history_import.import_message(KEY, numbered_answer(number))
        stores.messages.record(numbered(9, OTHER))
        stores.messages.record(numbered(8, None))
        found = self.entries(stores, size)
        expected = [f"{kind} {n}" for n in (4, 3, 2, 1, 0) for kind in ("Answer", "Message")]
        assert [entry.message.content for entry in found] == expected

    def test_entries_of_one_moment_come_together(self, stores: Stores) -> None:
        for number in range(4):
            stores.messages.record(a_record(an_inbound_message(message_id=f"SM{number}")))
        before = an_inbound_message(message_id="SM9", received_at=NOW - timedelta(seconds=1))
        stores.messages.record(a_record(before))
        assert len(stores.messages.list_entries(KEY, 2)) == 4
        assert len(stores.messages.list_entries(KEY, 5)) == 5
        rest = stores.messages.list_entries(KEY, 2, before=NOW)
        assert [entry.message.message_id for entry in rest] == ["SM9"]


def numbered_answer(number: int) -> Message:
    """The company's answer to message ``number``, half a second later."""
    moment = NOW + timedelta(seconds=number + 0.5)
    return Message(f"A{number}", Direction.OUTBOUND, f"Answer {number}", moment, ChannelType.SMS)


class StuckContract(MessageStoreTests):
    """Messages that were recorded and never queued, for the relay."""

    def stuck(self, stores: Stores, limit: int = 100) -> list[int]:
        """The numbers of the messages that are stuck at the moment when message 3 becomes stuck."""
        now = NOW + timedelta(seconds=3) + STUCK_AFTER
        return numbers(stores.outbox.list_stuck(limit, now))

    def test_new_store_has_no_stuck_messages(self, stores: Stores) -> None:
        assert self.stuck(stores) == []

    def test_stuck_messages_are_listed_oldest_first(self, stores: Stores) -> None:
        for number in (3, 0, 2, 1):
            stores.messages.record(numbered(number))
        assert self.stuck(stores) == list(range(4))

    def test_stuck_list_with_a_limit_has_the_oldest_messages(self, stores: Stores) -> None:
        for number in (3, 0, 2, 1):
            stores.messages.record(numbered(number))
        assert self.stuck(stores, limit=2) == [0, 1]

    def test_stuck_message_is_listed_with_all_its_fields(self, stores: Stores) -> None:
        record = numbered(1)
        stores.messages.record(record)
        stores.outbox.take_lease(record, NOW)
        leased = record.leased(NOW)
        assert stores.outbox.list_stuck(1, leased.due_at) == (leased,)

    def test_message_that_is_not_stuck_yet_is_not_listed(self, stores: Stores) -> None:
        for number in (3, 4, 5):
            stores.messages.record(numbered(number))
        assert self.stuck(stores) == [3]

    def test_message_becomes_stuck_by_the_time_of_its_recording(self, stores: Stores) -> None:
        message = an_inbound_message(received_at=NOW)
        stores.messages.record(a_record(message, recorded_at=NOW + timedelta(hours=1)))
        assert self.stuck(stores) == []

    def test_leased_message_makes_room_for_the_next_stuck_message(self, stores: Stores) -> None:
        for number in range(3):
            stores.messages.record(numbered(number))
        stores.outbox.take_lease(numbered(0), NOW + STUCK_AFTER)
        assert self.stuck(stores, limit=1) == [1]
        later = numbers(stores.outbox.list_stuck(9, NOW + timedelta(hours=1)))
        assert later == [1, 2, 0]

    def test_queued_unmatched_and_undeliverable_messages_are_not_stuck(
        self, stores: Stores
    ) -> None:
        for number, key in enumerate((KEY, KEY, None, KEY)):
            stores.messages.record(numbered(number, key))
        stores.outbox.mark_queued(numbered(0).request_id, LATER)
        stores.outbox.give_up(numbered(3))
        assert self.stuck(stores) == [1]

    def test_message_to_retry_is_stuck_at_once(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.outbox.take_lease(numbered(1), NOW)
        stores.outbox.give_up(numbered(1).leased(NOW))
        stores.outbox.retry(numbered(1).request_id)
        assert self.stuck(stores) == [1]

    def test_message_assigned_to_a_conversation_is_stuck(self, stores: Stores) -> None:
        stores.messages.record(numbered(1, None))
        stores.messages.assign(numbered(1, None), KEY)
        assert self.stuck(stores) == [1]

    def test_message_without_its_conversation_is_not_stuck(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.messages.assign(numbered(1), None)
        assert self.stuck(stores) == []


class UnmatchedContract(MessageStoreTests):
    """Messages of unknown senders, page by page."""

    def pages(self, stores: Stores, size: int) -> list[int]:
        """The numbers on all pages, each at most ``size`` long."""
        found: list[int] = []
        cursor: str | None = None
        while True:
            page = stores.messages.list_unmatched(size, after=cursor)
            assert len(page.items) <= size
            found += numbers(page.items)
            cursor = page.cursor
            if cursor is None:
                return found

    def test_unmatched_list_has_only_unmatched_messages(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.messages.record(numbered(2, None))
        assert stores.messages.list_unmatched(10).items == (numbered(2, None),)

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_unmatched_pages_are_complete_and_in_order_of_receipt(
        self, stores: Stores, size: int
    ) -> None:
        for number in (3, 0, 4, 2, 1):
            stores.messages.record(numbered(number, None))
        assert self.pages(stores, size) == list(range(5))

    def test_unmatched_messages_of_the_same_moment_are_listed_once_each(
        self, stores: Stores
    ) -> None:
        for number in range(5):
            message = an_inbound_message(message_id=f"SM{number}")
            stores.messages.record(a_record(message, None))
        assert sorted(self.pages(stores, 2)) == list(range(5))

    def test_unmatched_page_continues_after_a_message_that_was_assigned(
        self, stores: Stores
    ) -> None:
        for number in range(3):
            stores.messages.record(numbered(number, None))
        page = stores.messages.list_unmatched(1)
        stores.messages.assign(page.items[0], KEY)
        following = stores.messages.list_unmatched(10, after=page.cursor).items
        assert numbers(following) == [1, 2]

    @pytest.mark.parametrize("cursor", WRONG_CURSORS)
    def test_wrong_cursor_of_the_unmatched_list_is_refused(
        self, stores: Stores, cursor: str
    ) -> None:
        with pytest.raises(InvalidCursorError):
            stores.messages.list_unmatched(1, after=cursor)
