"""The contract of ``Backlog``."""

from datetime import timedelta

from application.ports.backlog import StoreBacklog
from application.ports.stores import Stores
from tests.builders import KEY, NOW
from tests.contracts.message_lists import MessageStoreTests, numbered


class BacklogContract(MessageStoreTests):
    """How much waits, in numbers."""

    def test_new_store_has_no_backlog(self, stores: Stores) -> None:
        assert stores.backlog.count(10) == StoreBacklog(0, None, 0)

    def test_pending_and_unmatched_messages_are_counted(self, stores: Stores) -> None:
        for number, key in enumerate((KEY, KEY, None, KEY, None, KEY)):
            stores.messages.record(numbered(number, key))
        stores.outbox.mark_queued(numbered(0).request_id, NOW)
        stores.outbox.give_up(numbered(3))
        oldest_at = NOW + timedelta(seconds=1)
        assert stores.backlog.count(10) == StoreBacklog(2, oldest_at, 2)

    def test_oldest_pending_message_may_be_due_later_than_others(self, stores: Stores) -> None:
        for number in range(3):
            stores.messages.record(numbered(number))
        stores.outbox.take_lease(numbered(0), NOW + timedelta(minutes=1))
        assert stores.backlog.count(10) == StoreBacklog(3, NOW, 0)

    def test_counting_stops_at_the_limit(self, stores: Stores) -> None:
        for number in range(8):
            stores.messages.record(numbered(number, KEY if number % 2 else None))
        oldest_at = NOW + timedelta(seconds=1)
        assert stores.backlog.count(3) == StoreBacklog(3, oldest_at, 3)
