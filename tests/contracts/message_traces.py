"""The contract of what is stored of a message's way, and of the look-ups that read it."""

from dataclasses import replace
from datetime import timedelta

from application.ports.stores import Stores
from domain.messages import MessageRecord, MessageState
from domain.queues import QueueKind, QueueName
from domain.trail import FallbackOutcome, FallbackResult, MatchRule, Trail
from tests.builders import KEY, NOW, a_record
from tests.contracts.message_lists import MessageStoreTests

LATER = NOW + timedelta(seconds=30)
FOUND = Trail(MatchRule.THREAD)
ROUTED = replace(
    FOUND, queue=QueueName(KEY.primary_channel, QueueKind.HANDOFF), delay_seconds=29.75
)
FALLBACK = FallbackOutcome(FallbackResult.SUPPRESSED, LATER, "opt_out_word")


class TrailContract(MessageStoreTests):
    """A record says by which rule it was matched, where it went, and what its fallback became."""

    def trail(self, stores: Stores) -> Trail:
        found = stores.messages.find_record(a_record().request_id)
        assert isinstance(found, MessageRecord)
        return found.trail

    def test_trail_is_stored_with_the_record(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        assert self.trail(stores) == FOUND

    def test_queue_and_delay_are_stored_when_the_message_is_queued(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        assert stores.outbox.mark_queued(a_record().request_id, LATER, trail=ROUTED)
        assert self.trail(stores) == ROUTED

    def test_marking_a_message_without_a_trail_leaves_the_one_there_is(
        self, stores: Stores
    ) -> None:
        stores.messages.record(a_record(trail=FOUND))
        stores.outbox.mark_queued(a_record().request_id, LATER)
        assert self.trail(stores) == FOUND

    def test_fallback_is_added_to_the_trail_of_an_unmatched_message(self, stores: Stores) -> None:
        unmatched = a_record(conversation=None, trail=FOUND)
        stores.messages.record(unmatched)
        stores.messages.add_fallback(unmatched, FALLBACK)
        assert self.trail(stores) == replace(FOUND, fallback=FALLBACK)

    def test_fallback_is_not_added_once_the_message_is_matched(self, stores: Stores) -> None:
        unmatched = a_record(conversation=None, trail=FOUND)
        stores.messages.record(unmatched)
        stores.messages.assign(unmatched, KEY)
        stores.messages.add_fallback(unmatched, FALLBACK)
        assert self.trail(stores) == FOUND

    def test_redriven_message_keeps_its_trail(self, stores: Stores) -> None:
        trail = replace(FOUND, fallback=FALLBACK)
        unmatched = a_record(conversation=None, trail=trail)
        stores.messages.record(unmatched)
        stores.messages.assign(unmatched, KEY)
        (stuck,) = stores.outbox.list_stuck(1, LATER)
        assert (stuck.state, stuck.trail) == (MessageState.PENDING, trail)
