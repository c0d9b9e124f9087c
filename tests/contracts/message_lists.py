"""What every store of messages promises about lists: history, what is pending or unmatched."""

from datetime import timedelta
from typing import Any

import pytest

from application.ports.message_store import MessageStore
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.outbox import STUCK_AFTER, MessageRecord
from tests.builders import KEY, NOW, a_record, an_inbound_message

OTHER = ConversationKey("conversation-2", ChannelType.SMS)
LATER = NOW + timedelta(seconds=30)


def numbered(number: int, conversation: ConversationKey | None = KEY) -> MessageRecord:
    """Record ``number`` of many, each received a second after the one before."""
    moment = NOW + timedelta(seconds=number)
    message = an_inbound_message(
        message_id=f"SM{number:032}", body=f"Message {number}", received_at=moment
    )
    return a_record(message, conversation, request_id=f"request-{number}", recorded_at=moment)


class MessageStoreTests:
    """The fixture that a backend overrides."""

    @pytest.fixture
    def store(self) -> MessageStore:
        raise NotImplementedError("a backend provides it")


class HistoryContract(MessageStoreTests):
    """The messages of a conversation, oldest first."""

    @pytest.fixture
    def five(self, store: MessageStore) -> MessageStore:
        """A store with messages 0 to 4 of one conversation, recorded out of order."""
        for number in (3, 0, 4, 2, 1):
            store.record(numbered(number))
        return store

    def texts(self, store: MessageStore, **options: Any) -> list[str]:
        return [message.content for message in store.history(KEY, **options)]

    def test_an_entry_is_the_message_as_the_domain_shows_it(self, store: MessageStore) -> None:
        store.record(a_record())
        assert store.history(KEY) == (a_record().message.in_history(),)

    def test_it_is_in_order_of_receipt(self, five: MessageStore) -> None:
        assert self.texts(five) == [f"Message {number}" for number in range(5)]

    def test_a_limit_leaves_the_latest(self, five: MessageStore) -> None:
        assert self.texts(five, limit=2) == ["Message 3", "Message 4"]

    def test_it_can_begin_after_a_moment(self, five: MessageStore) -> None:
        after = NOW + timedelta(seconds=2)
        assert self.texts(five, after=after) == ["Message 3", "Message 4"]

    def test_it_has_no_messages_of_others(self, store: MessageStore) -> None:
        for number, key in enumerate(
            [OTHER, ConversationKey(KEY.conversation_id, ChannelType.EMAIL)]
        ):
            store.record(numbered(number, key))
        store.record(numbered(2, None))
        assert store.history(KEY) == ()

    def test_a_moved_message_is_in_the_history_that_it_moved_to(self, store: MessageStore) -> None:
        store.record(a_record())
        store.assign(a_record(), OTHER)
        assert (len(store.history(KEY)), len(store.history(OTHER))) == (0, 1)

    def test_queued_messages_stay_in_it(self, store: MessageStore) -> None:
        store.record(a_record())
        store.mark_queued(a_record().gate_key, NOW)
        assert len(store.history(KEY)) == 1


class StuckContract(MessageStoreTests):
    """What was recorded and never queued, for whoever brings it on its way."""

    def requests(self, store: MessageStore, limit: int = 100) -> list[str]:
        """The request ids of what is stuck when message 3 gets stuck."""
        now = NOW + timedelta(seconds=3) + STUCK_AFTER
        return [record.request_id for record in store.list_stuck(limit, now)]

    def test_an_empty_store_has_none(self, store: MessageStore) -> None:
        assert self.requests(store) == []

    def test_what_waits_longest_comes_first(self, store: MessageStore) -> None:
        for number in (3, 0, 2, 1):
            store.record(numbered(number))
        assert self.requests(store) == [f"request-{number}" for number in range(4)]

    def test_a_limit_leaves_what_waits_longest(self, store: MessageStore) -> None:
        for number in (3, 0, 2, 1):
            store.record(numbered(number))
        assert self.requests(store, limit=2) == ["request-0", "request-1"]

    def test_records_are_whole(self, store: MessageStore) -> None:
        record = numbered(1)
        store.record(record)
        store.take_lease(record, NOW)
        leased = record.leased(NOW)
        assert store.list_stuck(1, leased.due_at) == (leased,)

    def test_what_is_not_stuck_yet_is_not_listed(self, store: MessageStore) -> None:
        for number in (3, 4, 5):
            store.record(numbered(number))
        assert self.requests(store) == ["request-3"]

    def test_the_moment_is_that_of_recording(self, store: MessageStore) -> None:
        message = an_inbound_message(received_at=NOW)
        store.record(a_record(message, recorded_at=NOW + timedelta(hours=1)))
        assert self.requests(store) == []

    def test_what_somebody_has_taken_lets_others_pass(self, store: MessageStore) -> None:
        for number in range(3):
            store.record(numbered(number))
        store.take_lease(numbered(0), NOW + STUCK_AFTER)
        assert self.requests(store, limit=1) == ["request-1"]
        later = [record.request_id for record in store.list_stuck(9, NOW + timedelta(hours=1))]
        assert later == ["request-1", "request-2", "request-0"]

    def test_queued_unmatched_and_undeliverable_messages_are_not_stuck(
        self, store: MessageStore
    ) -> None:
        for number, key in enumerate((KEY, KEY, None, KEY)):
            store.record(numbered(number, key))
        store.mark_queued(numbered(0).gate_key, LATER)
        store.give_up(numbered(3))
        assert self.requests(store) == ["request-1"]

    def test_one_that_is_to_be_tried_again_is_stuck_at_once(self, store: MessageStore) -> None:
        store.record(numbered(1))
        store.take_lease(numbered(1), NOW)
        store.give_up(numbered(1).leased(NOW))
        store.retry(numbered(1).gate_key)
        assert self.requests(store) == ["request-1"]

    def test_one_that_found_its_conversation_is_stuck(self, store: MessageStore) -> None:
        store.record(numbered(1, None))
        store.assign(numbered(1, None), KEY)
        assert self.requests(store) == ["request-1"]

    def test_one_that_lost_it_is_not(self, store: MessageStore) -> None:
        store.record(numbered(1))
        store.assign(numbered(1), None)
        assert self.requests(store) == []


class UnmatchedContract(MessageStoreTests):
    """What unknown senders wrote, page by page."""

    def pages(self, store: MessageStore, size: int) -> list[str]:
        """The request ids of all pages, each at most ``size`` long."""
        found: list[str] = []
        last: str | None = None
        while page := store.list_unmatched(size, after=last):
            assert len(page) <= size
            found += [record.request_id for record in page]
            last = page[-1].gate_key
        return found

    def test_only_unmatched_messages_are_listed(self, store: MessageStore) -> None:
        store.record(numbered(1))
        store.record(numbered(2, None))
        assert store.list_unmatched(10) == (numbered(2, None),)

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_pages_are_complete_and_in_order_of_receipt(
        self, store: MessageStore, size: int
    ) -> None:
        for number in (3, 0, 4, 2, 1):
            store.record(numbered(number, None))
        assert self.pages(store, size) == [f"request-{number}" for number in range(5)]

    def test_messages_of_the_same_moment_are_neither_lost_nor_repeated(
        self, store: MessageStore
    ) -> None:
        for number in range(5):
            message = an_inbound_message(message_id=f"SM{number}")
            store.record(a_record(message, None, request_id=f"request-{number}"))
        assert sorted(self.pages(store, 2)) == [f"request-{number}" for number in range(5)]

    def test_a_page_follows_a_record_that_was_matched_meanwhile(self, store: MessageStore) -> None:
        for number in range(3):
            store.record(numbered(number, None))
        (first,) = store.list_unmatched(1)
        store.assign(first, KEY)
        following = store.list_unmatched(10, after=first.gate_key)
        assert [record.request_id for record in following] == ["request-1", "request-2"]
