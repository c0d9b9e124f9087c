"""The contract of what is stored of a message's way, and of the look-ups that read it."""

from dataclasses import replace
from datetime import timedelta

from application.ports.stores import Stores
from domain.channels import ChannelType
from domain.conversations import CLOSED, Message, imported_key
from domain.erasure import RetainedMessage, Tombstone
from domain.messages import ConversationKey, MessageRecord, MessageState
from domain.queues import QueueKind, QueueName
from domain.trail import FailedAttempt, FallbackOutcome, FallbackResult, MatchRule, Trail
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.message_lists import OTHER, MessageStoreTests, numbered

LATER = NOW + timedelta(seconds=30)
FOUND = Trail(MatchRule.THREAD)
HANDOFF = QueueName(KEY.primary_channel, QueueKind.HANDOFF)
ROUTED = replace(FOUND, queue=HANDOFF, delay_seconds=29.75)
FAILURE = FailedAttempt(NOW, "sms-replies: ThrottlingException")
FAILED = replace(FOUND, failure=FAILURE)
FALLBACK = FallbackOutcome(FallbackResult.SUPPRESSED, LATER, "opt_out_word")


class TrailContract(MessageStoreTests):
    """A record says by which rule it was matched, where it went, and what its fallback became."""

    def test_trail_is_stored_with_the_record(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        assert record_in(stores).trail == FOUND

    def test_queue_and_delay_are_stored_when_the_message_is_queued(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        assert stores.outbox.mark_queued(a_record().request_id, LATER, trail=ROUTED)
        assert record_in(stores).trail == ROUTED

    def test_marking_a_message_without_a_trail_leaves_the_one_there_is(
        self, stores: Stores
    ) -> None:
        stores.messages.record(a_record(trail=FOUND))
        stores.outbox.mark_queued(a_record().request_id, LATER)
        assert record_in(stores).trail == FOUND

    def test_fallback_is_added_to_the_trail_of_an_unmatched_message(self, stores: Stores) -> None:
        unmatched = a_record(conversation=None, trail=FOUND)
        stores.messages.record(unmatched)
        stores.messages.add_fallback(unmatched, FALLBACK)
        assert record_in(stores).trail == replace(FOUND, fallback=FALLBACK)

    def test_fallback_is_not_added_once_the_message_is_matched(self, stores: Stores) -> None:
        unmatched = a_record(conversation=None, trail=FOUND)
        stores.messages.record(unmatched)
        stores.messages.assign(unmatched, KEY)
        stores.messages.add_fallback(unmatched, FALLBACK)
        assert record_in(stores).trail == FOUND

    def test_redriven_message_keeps_its_trail(self, stores: Stores) -> None:
        trail = replace(FOUND, fallback=FALLBACK)
        unmatched = a_record(conversation=None, trail=trail)
        stores.messages.record(unmatched)
        stores.messages.assign(unmatched, KEY)
        (stuck,) = stores.outbox.list_stuck(1, LATER)
        assert (stuck.state, stuck.trail) == (MessageState.PENDING, trail)


class FailureContract(MessageStoreTests):
    """A pending message says why it is not on its queue: the latest reason, of its last holder."""

    def test_failure_of_the_first_handler_is_added_to_the_trail(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        stores.outbox.add_failure(a_record(trail=FOUND), FAILURE)
        assert record_in(stores) == a_record(trail=FAILED)

    def test_failure_stays_while_the_next_attempt_has_the_lease(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        stores.outbox.add_failure(a_record(trail=FOUND), FAILURE)
        assert stores.outbox.take_lease(record_in(stores), LATER)
        assert record_in(stores) == a_record(trail=FAILED).leased(LATER)

    def test_latest_failure_takes_the_place_of_an_earlier_one(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FAILED))
        stores.outbox.take_lease(a_record(trail=FAILED), LATER)
        latest = FailedAttempt(LATER, "there is no queue sms-replies")
        stores.outbox.add_failure(a_record(trail=FAILED).leased(LATER), latest)
        assert record_in(stores).trail == replace(FOUND, failure=latest)
        (stuck,) = stores.outbox.list_stuck(1, LATER + timedelta(hours=1))
        assert stuck == a_record(trail=replace(FOUND, failure=latest)).leased(LATER)

    def test_failure_of_a_process_that_lost_its_lease_is_not_added(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        stores.outbox.take_lease(a_record(), NOW)
        stores.outbox.add_failure(a_record(trail=FOUND), FAILURE)
        stores.outbox.add_failure(a_record(trail=FOUND).leased(LATER), FAILURE)
        assert record_in(stores) == a_record(trail=FOUND).leased(NOW)

    def test_failure_is_not_added_to_a_message_that_is_on_its_queue(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FOUND))
        stores.outbox.mark_queued(a_record().request_id, LATER, trail=ROUTED)
        stores.outbox.add_failure(a_record(trail=FOUND), FAILURE)
        assert record_in(stores).trail == ROUTED

    def test_failure_is_not_added_to_a_message_that_was_given_up(self, stores: Stores) -> None:
        stores.messages.record(a_record(trail=FAILED))
        stores.outbox.give_up(a_record(trail=FAILED))
        stores.outbox.add_failure(a_record(trail=FOUND), FailedAttempt(LATER, "late"))
        assert record_in(stores).trail == FAILED

    def test_failure_stays_when_the_message_is_queued_at_last(self, stores: Stores) -> None:
        routed = replace(ROUTED, failure=FAILURE)
        stores.messages.record(a_record(trail=FAILED))
        stores.outbox.mark_queued(a_record().request_id, LATER, trail=routed)
        assert record_in(stores).trail == routed

    def test_moved_message_begins_without_a_failure(self, stores: Stores) -> None:
        queued = a_record(trail=FAILED)
        stores.messages.record(queued)
        stores.outbox.mark_queued(queued.request_id, LATER, trail=replace(ROUTED, failure=FAILURE))
        seen = record_in(stores)
        assert stores.outbox.move(seen, HANDOFF, LATER)
        assert record_in(stores) == seen.moved_to(HANDOFF, LATER)
        assert record_in(stores).trail == ROUTED

    def test_failure_is_added_to_no_erased_and_to_no_unknown_message(self, stores: Stores) -> None:
        stores.outbox.add_failure(a_record(), FAILURE)
        assert stores.messages.find_record(a_record().request_id) is None
        stores.messages.record(a_record(trail=FAILED))
        stores.retention.erase(RetainedMessage.of(a_record()))
        stores.outbox.add_failure(a_record(), FAILURE)
        tombstone = Tombstone(a_record().request_id, None)
        assert stores.messages.find_record(a_record().request_id) == tombstone


class LookupContract(MessageStoreTests):
    """Single messages and the latest of a customer are found by what an operator has in hand."""

    def test_records_are_found_by_several_request_ids(self, stores: Stores) -> None:
        for number in range(3):
            stores.messages.record(numbered(number))
        ids = [numbered(number).request_id for number in (0, 2, 4)]
        found = stores.lookup.find_records([*ids, ids[0], "unknown"])
        assert found == {numbered(n).request_id: numbered(n) for n in (0, 2)}
        assert stores.lookup.find_records([]) == {}

    def test_tombstone_is_found_by_its_request_id(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.retention.erase(RetainedMessage.of(a_record()))
        found = stores.lookup.find_records([a_record().request_id])
        assert found == {a_record().request_id: Tombstone(a_record().request_id, None)}

    def test_imported_entry_is_no_record(self, stores: Stores) -> None:
        entry = Message.of(a_record().message)
        stores.history_import.import_message(KEY, entry)
        assert stores.lookup.find_records([imported_key(KEY, entry)]) == {}

    def test_mail_is_found_by_its_message_id_whatever_its_recipient(self, stores: Stores) -> None:
        mails = [
            a_mail("<1@example.com>", to="help@acme.example", seconds=1),
            a_mail("<1@example.com>", to="sales@acme.example", seconds=2),
            a_mail("<2@example.com>", to="help@acme.example", seconds=3),
        ]
        for mail in mails:
            stores.messages.record(mail)
        assert stores.lookup.find_mail("<1@example.com>", 10) == (mails[1], mails[0])
        assert stores.lookup.find_mail("<1@example.com>", 1) == (mails[1],)
        assert stores.lookup.find_mail("1@example.com", 10) == ()

    def test_mail_with_a_very_long_message_id_is_found(self, stores: Stores) -> None:
        mail = a_mail(f"<{'x' * 5000}@example.com>")
        stores.messages.record(mail)
        assert stores.lookup.find_mail(mail.message.provider_message_id, 1) == (mail,)

    def test_only_mail_is_found_by_a_message_id(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.lookup.find_mail(a_record().message.provider_message_id, 1) == ()

    def test_erased_mail_is_not_found_by_its_message_id(self, stores: Stores) -> None:
        mail = a_mail("<1@example.com>")
        stores.messages.record(mail)
        stores.retention.erase(RetainedMessage.of(mail))
        assert stores.lookup.find_mail("<1@example.com>", 10) == ()
        assert stores.lookup.find_mail("", 10) == ()

    def test_latest_messages_of_a_conversation_come_first(self, stores: Stores) -> None:
        for number in (3, 0, 2, 1):
            stores.messages.record(numbered(number))
        stores.messages.record(numbered(4, OTHER))
        stores.history_import.import_message(KEY, Message.of(numbered(5).message))
        assert stores.lookup.latest_of(KEY, 3) == (numbered(3), numbered(2), numbered(1))

    def test_latest_unmatched_messages_come_first(self, stores: Stores) -> None:
        for number in (3, 0, 2, 1):
            stores.messages.record(numbered(number, None))
        stores.messages.record(numbered(4))
        stores.messages.assign(numbered(3, None), KEY)
        found = stores.lookup.latest_unmatched(2)
        assert found == (numbered(2, None), numbered(1, None))

    def test_conversations_of_a_sender_are_found_open_or_closed(self, stores: Stores) -> None:
        closed = a_conversation(conversation_id="a", conversation_status=CLOSED)
        others = a_conversation(conversation_id="c", sender_id="+14155550999")
        for conversation in (closed, a_conversation(conversation_id="b"), others):
            stores.conversations.open_conversation(conversation)
        found = stores.lookup.conversations_of(KEY.primary_channel, ["+14155550123"])
        assert [one.conversation_id for one in found] == ["a", "b"]


def record_in(stores: Stores) -> MessageRecord:
    """The record of the one message, as the store has it."""
    found = stores.messages.find_record(a_record().request_id)
    assert isinstance(found, MessageRecord)
    return found


def a_mail(message_id: str, to: str = "help@acme.example", seconds: int = 0) -> MessageRecord:
    """A record of a mail that was received so many seconds after ``NOW``."""
    moment = NOW + timedelta(seconds=seconds)
    message = an_inbound_message(
        ChannelType.EMAIL, message_id=message_id, recipient=to, received_at=moment
    )
    return a_record(
        message, ConversationKey("conversation-1", ChannelType.EMAIL), recorded_at=moment
    )
