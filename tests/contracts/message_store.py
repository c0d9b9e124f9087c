"""The contract of ``MessageStore`` and ``Outbox``."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from application.ports.stores import Stores
from domain.addresses import Address
from domain.automated_mail import NotableHeaders
from domain.channels import ChannelType
from domain.messages import Attachment, ConversationKey, MessageRecord, MessageState
from tests.builders import KEY, NOW, a_record, an_inbound_message
from tests.contracts.backlog import BacklogContract
from tests.contracts.concurrency import at_once
from tests.contracts.erasure import MessageErasureContract
from tests.contracts.legacy_histories import ImportContract
from tests.contracts.message_lists import (
    LATER,
    OTHER,
    EntriesContract,
    HistoryContract,
    MessageStoreTests,
    StuckContract,
    UnmatchedContract,
    numbered,
)
from tests.contracts.message_traces import FailureContract, LookupContract, TrailContract
from tests.contracts.moved_contexts import MoveContract


def stored(stores: Stores, record: MessageRecord) -> MessageRecord:
    """The record as the store has it: recording a duplicate returns it."""
    present = stores.messages.record(record)
    assert isinstance(present, MessageRecord)
    return present


class IdempotencyContract(MessageStoreTests):
    """A message is recorded once, however often and late it is received."""

    def test_new_message_is_recorded(self, stores: Stores) -> None:
        assert stores.messages.record(a_record()) is None
        assert stored(stores, a_record()) == a_record()

    def test_recording_a_duplicate_returns_the_first_record(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        again = a_record(
            an_inbound_message(body="Something else"),
            OTHER,
            recorded_at=LATER,
        )
        assert stores.messages.record(again) == a_record()
        assert stored(stores, a_record()) == a_record()

    def test_another_message_is_not_a_duplicate(self, stores: Stores) -> None:
        assert [stores.messages.record(numbered(1)), stores.messages.record(numbered(2))] == [
            None,
            None,
        ]

    def test_concurrent_recording_creates_the_record_once(self, stores: Stores) -> None:
        attempts = [a_record(recorded_at=NOW + timedelta(seconds=n)) for n in range(32)]
        results = at_once(partial(stores.messages.record, attempt) for attempt in attempts)
        assert results.count(None) == 1
        winner = attempts[results.index(None)]
        assert [result for result in results if result] == [winner] * 31

    def test_every_field_of_a_message_is_stored(self, stores: Stores) -> None:
        channel = ChannelType.WHATSAPP
        user_id = Address.parse(channel, "DE.13491208655302741918")
        message = an_inbound_message(
            channel,
            body="Grüße 🚚\u0000\r\n\u2028' \" \\",
            identities=(user_id, Address.parse(channel, "+14155550123")),
            subject="Ünicode",
            attachments=(Attachment("image/png", "a b.png", 12, "ab" * 32, "cid", True, "u", "r"),),
            metadata={"media": [{"n": 1, "f": 0.5, "none": None}], "flag": True, "text": "ß"},
            thread_references=("<1@example.com>", "<2@example.com>"),
            author_authenticated=False,
            opt_out_type="STOP",
        )
        record = a_record(
            message,
            recorded_at=NOW + timedelta(microseconds=1),
            lease_until=LATER,
            queued_at=LATER,
        )
        stores.messages.record(record)
        assert stored(stores, record) == record

    def test_notable_headers_of_a_mail_are_not_stored(self, stores: Stores) -> None:
        notable_headers = NotableHeaders({"from": ("ana@example.com",)}, "ana@example.com")
        message = an_inbound_message(ChannelType.EMAIL, mail=notable_headers)
        stores.messages.record(a_record(message))
        assert stored(stores, a_record(message)).message == replace(message, mail=None)

    def test_changing_a_message_outside_the_store_does_not_change_it_inside(
        self, stores: Stores
    ) -> None:
        metadata: dict[str, Any] = {"media": ["a"]}
        record = a_record(an_inbound_message(metadata=metadata))
        stores.messages.record(record)
        metadata["media"].append("put in")
        cast(dict[str, object], stored(stores, record).message.metadata)["got"] = "out"
        assert stored(stores, record).message.metadata == {"media": ["a"]}


class ProgressContract(MessageStoreTests):
    """A message moves from pending to queued, and between conversations."""

    def test_queued_message_is_no_longer_pending(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.outbox.mark_queued(a_record().request_id, LATER)
        expected = a_record(state=MessageState.QUEUED, queued_at=LATER)
        assert stored(stores, a_record()) == expected

    def test_marking_a_queued_message_again_changes_nothing(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.outbox.mark_queued(a_record().request_id, NOW)
        assert stores.outbox.mark_queued(a_record().request_id, LATER)
        assert stored(stores, a_record()).queued_at == NOW

    def test_unmatched_message_stays_unmatched_when_marked_as_queued(self, stores: Stores) -> None:
        stores.messages.record(numbered(1, None))
        stores.outbox.mark_queued(numbered(1).request_id, LATER)
        assert stored(stores, numbered(1)).state is MessageState.UNMATCHED

    def test_marking_an_unknown_message_as_queued_changes_nothing(self, stores: Stores) -> None:
        stores.outbox.mark_queued("unknown", NOW)

    @pytest.mark.parametrize("target", [KEY, OTHER, None])
    @pytest.mark.parametrize("origin", [KEY, None])
    def test_message_is_assigned_to_another_conversation_or_to_none(
        self, stores: Stores, origin: ConversationKey | None, target: ConversationKey | None
    ) -> None:
        record = a_record(conversation=origin, lease_until=LATER)
        stores.messages.record(record)
        assert stores.messages.assign(record, target)
        assert stored(stores, record) == record.assigned_to(target)

    def test_queued_message_cannot_be_assigned(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.mark_queued(a_record().request_id, NOW)
        assert not stores.messages.assign(a_record(), OTHER)
        assert stored(stores, a_record()).conversation == KEY

    def test_message_assigned_by_another_process_cannot_be_assigned(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.messages.assign(a_record(), OTHER)
        assert not stores.messages.assign(a_record(), None)
        assert stored(stores, a_record()).conversation == OTHER

    def test_unknown_message_cannot_be_assigned(self, stores: Stores) -> None:
        assert not stores.messages.assign(a_record(), OTHER)

    def test_concurrent_assignments_of_one_message_succeed_once(self, stores: Stores) -> None:
        stores.messages.record(a_record(conversation=None))
        targets = [ConversationKey(f"conversation-{n}", ChannelType.SMS) for n in range(16)]
        unmatched = a_record(conversation=None)
        moved = at_once(partial(stores.messages.assign, unmatched, target) for target in targets)
        assert moved.count(True) == 1
        assert stored(stores, unmatched).conversation == targets[moved.index(True)]


class LeaseContract(MessageStoreTests):
    """A process that publishes a message again leases it, so that no other process does."""

    def test_pending_message_can_be_leased(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.outbox.take_lease(a_record(), LATER)
        assert stored(stores, a_record()) == a_record().leased(LATER)

    def test_lease_taken_by_another_process_cannot_be_taken(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.take_lease(a_record(), LATER)
        assert not stores.outbox.take_lease(a_record(), LATER + timedelta(seconds=1))
        assert stored(stores, a_record()) == a_record().leased(LATER)

    def test_process_that_read_the_last_lease_can_take_the_next(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.take_lease(a_record(), NOW)
        assert stores.outbox.take_lease(stored(stores, a_record()), LATER)
        assert stored(stores, a_record()).attempts == 2

    def test_concurrent_leases_of_one_message_succeed_once(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        moments = [LATER + timedelta(seconds=number) for number in range(16)]
        taken = at_once(partial(stores.outbox.take_lease, a_record(), moment) for moment in moments)
        assert taken.count(True) == 1
        assert stored(stores, a_record()) == a_record().leased(moments[taken.index(True)])

    def test_queued_message_cannot_be_leased(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.mark_queued(a_record().request_id, NOW)
        assert not stores.outbox.take_lease(a_record(), LATER)

    def test_unmatched_message_cannot_be_leased(self, stores: Stores) -> None:
        stores.messages.record(a_record(conversation=None))
        assert not stores.outbox.take_lease(a_record(conversation=None), LATER)

    def test_unknown_message_cannot_be_leased(self, stores: Stores) -> None:
        assert not stores.outbox.take_lease(a_record(), LATER)


class UndeliverableContract(MessageStoreTests):
    """A message that was tried too often waits for an operator."""

    def given_up(self, stores: Stores) -> MessageRecord:
        stores.messages.record(a_record())
        stores.outbox.take_lease(a_record(), NOW)
        leased = stored(stores, a_record())
        assert stores.outbox.give_up(leased)
        return stored(stores, a_record())

    def test_undeliverable_message_cannot_be_leased_or_queued(self, stores: Stores) -> None:
        record = self.given_up(stores)
        assert record == replace(a_record().leased(NOW), state=MessageState.UNDELIVERABLE)
        assert not stores.outbox.take_lease(record, LATER)
        stores.outbox.mark_queued(record.request_id, LATER)
        assert stored(stores, record).state is MessageState.UNDELIVERABLE

    def test_undeliverable_message_stays_in_the_history(self, stores: Stores) -> None:
        self.given_up(stores)
        assert len(stores.messages.history(KEY)) == 1

    def test_message_leased_by_another_process_is_not_given_up(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.take_lease(a_record(), NOW)
        assert not stores.outbox.give_up(a_record())
        assert stored(stores, a_record()).state is MessageState.PENDING

    def test_queued_message_is_not_given_up(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.mark_queued(a_record().request_id, NOW)
        assert not stores.outbox.give_up(a_record())

    def test_undeliverable_message_can_be_retried_with_all_its_attempts(
        self, stores: Stores
    ) -> None:
        record = self.given_up(stores)
        assert stores.outbox.retry(record.request_id)
        assert stored(stores, record) == a_record()
        assert not stores.outbox.retry(record.request_id)

    def test_pending_and_unknown_messages_cannot_be_retried(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert not stores.outbox.retry(a_record().request_id)
        assert not stores.outbox.retry("unknown")


class MessageStoreContract(
    IdempotencyContract,
    ProgressContract,
    LeaseContract,
    UndeliverableContract,
    MoveContract,
    HistoryContract,
    EntriesContract,
    StuckContract,
    UnmatchedContract,
    BacklogContract,
    ImportContract,
    TrailContract,
    FailureContract,
    LookupContract,
    MessageErasureContract,
):
    """The whole contract. A backend overrides ``stores``."""
