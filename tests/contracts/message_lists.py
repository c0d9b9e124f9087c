"""What every store of messages promises about lists: history, what is pending or unmatched."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from application.ports.stores import Stores
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
    return a_record(message, conversation, recorded_at=moment)


def numbers(records: Iterable[MessageRecord]) -> list[int]:
    """Which of many they are."""
    return [int(record.message.provider_message_id.removeprefix("SM")) for record in records]


class MessageStoreTests:
    """The fixture that a backend overrides."""

    @pytest.fixture
    def stores(self) -> Stores:
        raise NotImplementedError("a backend provides it")


class HistoryContract(MessageStoreTests):
    """The messages of a conversation, oldest first."""

    @pytest.fixture
    def five(self, stores: Stores) -> Stores:
        """A store with messages 0 to 4 of one conversation, recorded out of order."""
        for number in (3, 0, 4, 2, 1):
            stores.messages.record(numbered(number))
        return stores

    def texts(self, stores: Stores, **options: Any) -> list[str]:
        return [message.content for message in stores.messages.history(KEY, **options)]

    def test_an_entry_is_the_message_as_the_domain_shows_it(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.messages.history(KEY) == (a_record().message.in_history(),)

    def test_it_is_in_order_of_receipt(self, five: Stores) -> None:
        assert self.texts(five) == [f"Message {number}" for number in range(5)]

    def test_a_limit_leaves_the_latest(self, five: Stores) -> None:
        assert self.texts(five, limit=2) == ["Message 3", "Message 4"]

    def test_it_can_begin_after_a_moment(self, five: Stores) -> None:
        after = NOW + timedelta(seconds=2)
        assert self.texts(five, after=after) == ["Message 3", "Message 4"]

    def test_it_has_no_messages_of_others(self, stores: Stores) -> None:
        for number, key in enumerate(
            [OTHER, ConversationKey(KEY.conversation_id, ChannelType.EMAIL)]
        ):
            stores.messages.record(numbered(number, key))
        stores.messages.record(numbered(2, None))
        assert stores.messages.history(KEY) == ()

    def test_a_moved_message_is_in_the_history_that_it_moved_to(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.messages.assign(a_record(), OTHER)
        assert (len(stores.messages.history(KEY)), len(stores.messages.history(OTHER))) == (0, 1)

    def test_queued_messages_stay_in_it(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.mark_queued(a_record().request_id, NOW)
        assert len(stores.messages.history(KEY)) == 1


class StuckContract(MessageStoreTests):
    """What was recorded and never queued, for whoever brings it on its way."""

    def stuck(self, stores: Stores, limit: int = 100) -> list[int]:
        """The numbers of what is stuck when message 3 gets stuck."""
        now = NOW + timedelta(seconds=3) + STUCK_AFTER
        return numbers(stores.outbox.list_stuck(limit, now))

    def test_an_empty_store_has_none(self, stores: Stores) -> None:
        assert self.stuck(stores) == []

    def test_what_waits_longest_comes_first(self, stores: Stores) -> None:
        for number in (3, 0, 2, 1):
            stores.messages.record(numbered(number))
        assert self.stuck(stores) == list(range(4))

    def test_a_limit_leaves_what_waits_longest(self, stores: Stores) -> None:
        for number in (3, 0, 2, 1):
            stores.messages.record(numbered(number))
        assert self.stuck(stores, limit=2) == [0, 1]

    def test_records_are_whole(self, stores: Stores) -> None:
        record = numbered(1)
        stores.messages.record(record)
        stores.outbox.take_lease(record, NOW)
        leased = record.leased(NOW)
        assert stores.outbox.list_stuck(1, leased.due_at) == (leased,)

    def test_what_is_not_stuck_yet_is_not_listed(self, stores: Stores) -> None:
        for number in (3, 4, 5):
            stores.messages.record(numbered(number))
        assert self.stuck(stores) == [3]

    def test_the_moment_is_that_of_recording(self, stores: Stores) -> None:
        message = an_inbound_message(received_at=NOW)
        stores.messages.record(a_record(message, recorded_at=NOW + timedelta(hours=1)))
        assert self.stuck(stores) == []

    def test_what_somebody_has_taken_lets_others_pass(self, stores: Stores) -> None:
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

    def test_one_that_is_to_be_tried_again_is_stuck_at_once(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.outbox.take_lease(numbered(1), NOW)
        stores.outbox.give_up(numbered(1).leased(NOW))
        stores.outbox.retry(numbered(1).request_id)
        assert self.stuck(stores) == [1]

    def test_one_that_found_its_conversation_is_stuck(self, stores: Stores) -> None:
        stores.messages.record(numbered(1, None))
        stores.messages.assign(numbered(1, None), KEY)
        assert self.stuck(stores) == [1]

    def test_one_that_lost_it_is_not(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.messages.assign(numbered(1), None)
        assert self.stuck(stores) == []


class UnmatchedContract(MessageStoreTests):
    """What unknown senders wrote, page by page."""

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

    def test_only_unmatched_messages_are_listed(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.messages.record(numbered(2, None))
        assert stores.messages.list_unmatched(10).items == (numbered(2, None),)

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_pages_are_complete_and_in_order_of_receipt(self, stores: Stores, size: int) -> None:
        for number in (3, 0, 4, 2, 1):
            stores.messages.record(numbered(number, None))
        assert self.pages(stores, size) == list(range(5))

    def test_messages_of_the_same_moment_are_neither_lost_nor_repeated(
        self, stores: Stores
    ) -> None:
        for number in range(5):
            message = an_inbound_message(message_id=f"SM{number}")
            stores.messages.record(a_record(message, None))
        assert sorted(self.pages(stores, 2)) == list(range(5))

    def test_a_page_follows_a_record_that_was_matched_meanwhile(self, stores: Stores) -> None:
        for number in range(3):
            stores.messages.record(numbered(number, None))
        page = stores.messages.list_unmatched(1)
        stores.messages.assign(page.items[0], KEY)
        following = stores.messages.list_unmatched(10, after=page.cursor).items
        assert numbers(following) == [1, 2]
