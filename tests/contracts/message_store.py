"""What every store of messages promises."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from application.ports.message_store import MessageStore
from domain.addresses import Address
from domain.automated_mail import NotableHeaders
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.messages import Attachment
from domain.outbox import MessageRecord, MessageState
from tests.builders import KEY, NOW, a_record, an_inbound_message
from tests.contracts.concurrency import at_once
from tests.contracts.erasure import MessageErasureContract
from tests.contracts.message_lists import (
    LATER,
    OTHER,
    HistoryContract,
    MessageStoreTests,
    StuckContract,
    UnmatchedContract,
    numbered,
)
from tests.contracts.old_histories import ImportContract


def stored(store: MessageStore, record: MessageRecord) -> MessageRecord:
    """The record as the store has it: what a second attempt to create it gets."""
    present = store.record(replace(record, request_id="an attempt to create it again"))
    assert isinstance(present, MessageRecord)
    return present


class GateContract(MessageStoreTests):
    """A message is recorded once, ever."""

    def test_a_new_message_is_recorded(self, store: MessageStore) -> None:
        assert store.record(a_record()) is None
        assert stored(store, a_record()) == a_record()

    def test_a_duplicate_gets_the_record_that_was_there_before(self, store: MessageStore) -> None:
        store.record(a_record())
        again = a_record(
            an_inbound_message(body="Something else"),
            OTHER,
            request_id="another",
            recorded_at=LATER,
        )
        assert store.record(again) == a_record()
        assert stored(store, a_record()) == a_record()

    def test_another_message_is_no_duplicate(self, store: MessageStore) -> None:
        assert [store.record(numbered(1)), store.record(numbered(2))] == [None, None]

    def test_of_many_at_once_one_creates_the_record(self, store: MessageStore) -> None:
        attempts = [a_record(request_id=f"request-{number}") for number in range(32)]
        results = at_once(partial(store.record, attempt) for attempt in attempts)
        assert results.count(None) == 1
        winner = attempts[results.index(None)]
        assert {result.request_id for result in results if result} == {winner.request_id}

    def test_every_fact_is_kept(self, store: MessageStore) -> None:
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
            validated_at=NOW + timedelta(microseconds=1),
            lease_until=LATER,
            queued_at=LATER,
        )
        store.record(record)
        assert stored(store, record) == record

    def test_mail_traits_are_not_kept(self, store: MessageStore) -> None:
        notable_headers = NotableHeaders({"from": ("ana@example.com",)}, "ana@example.com")
        message = an_inbound_message(ChannelType.EMAIL, mail=notable_headers)
        store.record(a_record(message))
        assert stored(store, a_record(message)).message == replace(message, mail=None)

    def test_nobody_can_change_a_record_from_outside(self, store: MessageStore) -> None:
        metadata: dict[str, Any] = {"media": ["a"]}
        record = a_record(an_inbound_message(metadata=metadata))
        store.record(record)
        metadata["media"].append("put in")
        cast(dict[str, object], stored(store, record).message.metadata)["got"] = "out"
        assert stored(store, record).message.metadata == {"media": ["a"]}


class ProgressContract(MessageStoreTests):
    """A message moves from pending to queued, and between conversations."""

    def test_a_queued_message_is_no_longer_pending(self, store: MessageStore) -> None:
        store.record(a_record())
        assert store.mark_queued(a_record().gate_key, LATER)
        expected = a_record(state=MessageState.QUEUED, queued_at=LATER)
        assert stored(store, a_record()) == expected

    def test_marking_it_again_changes_nothing(self, store: MessageStore) -> None:
        store.record(a_record())
        assert store.mark_queued(a_record().gate_key, NOW)
        assert store.mark_queued(a_record().gate_key, LATER)
        assert stored(store, a_record()).queued_at == NOW

    def test_an_unmatched_message_stays_unmatched(self, store: MessageStore) -> None:
        store.record(numbered(1, None))
        store.mark_queued(numbered(1).gate_key, LATER)
        assert stored(store, numbered(1)).state is MessageState.UNMATCHED

    def test_marking_an_unknown_message_is_harmless(self, store: MessageStore) -> None:
        store.mark_queued("unknown", NOW)

    @pytest.mark.parametrize("target", [KEY, OTHER, None])
    @pytest.mark.parametrize("origin", [KEY, None])
    def test_a_message_moves_to_another_conversation_or_to_unmatched(
        self, store: MessageStore, origin: ConversationKey | None, target: ConversationKey | None
    ) -> None:
        record = a_record(conversation=origin, lease_until=LATER)
        store.record(record)
        assert store.assign(record, target)
        assert stored(store, record) == record.assigned_to(target)

    def test_a_queued_message_does_not_move(self, store: MessageStore) -> None:
        store.record(a_record())
        store.mark_queued(a_record().gate_key, NOW)
        assert not store.assign(a_record(), OTHER)
        assert stored(store, a_record()).conversation == KEY

    def test_a_message_that_somebody_else_moved_does_not_move(self, store: MessageStore) -> None:
        store.record(a_record())
        store.assign(a_record(), OTHER)
        assert not store.assign(a_record(), None)
        assert stored(store, a_record()).conversation == OTHER

    def test_an_unknown_message_does_not_move(self, store: MessageStore) -> None:
        assert not store.assign(a_record(), OTHER)

    def test_of_many_who_move_it_at_once_one_does(self, store: MessageStore) -> None:
        store.record(a_record(conversation=None))
        targets = [ConversationKey(f"conversation-{n}", ChannelType.SMS) for n in range(16)]
        unmatched = a_record(conversation=None)
        moved = at_once(partial(store.assign, unmatched, target) for target in targets)
        assert moved.count(True) == 1
        assert stored(store, unmatched).conversation == targets[moved.index(True)]


class LeaseContract(MessageStoreTests):
    """Whoever republishes a message has it for themselves for a while."""

    def test_a_pending_message_can_be_leased(self, store: MessageStore) -> None:
        store.record(a_record())
        assert store.take_lease(a_record(), LATER)
        assert stored(store, a_record()) == a_record().leased(LATER)

    def test_a_lease_that_somebody_took_meanwhile_cannot_be_taken(
        self, store: MessageStore
    ) -> None:
        store.record(a_record())
        store.take_lease(a_record(), LATER)
        assert not store.take_lease(a_record(), LATER + timedelta(seconds=1))
        assert stored(store, a_record()) == a_record().leased(LATER)

    def test_whoever_saw_the_last_lease_can_take_the_next(self, store: MessageStore) -> None:
        store.record(a_record())
        store.take_lease(a_record(), NOW)
        assert store.take_lease(stored(store, a_record()), LATER)
        assert stored(store, a_record()).attempts == 2

    def test_of_many_who_want_it_at_once_one_gets_it(self, store: MessageStore) -> None:
        store.record(a_record())
        moments = [LATER + timedelta(seconds=number) for number in range(16)]
        taken = at_once(partial(store.take_lease, a_record(), moment) for moment in moments)
        assert taken.count(True) == 1
        assert stored(store, a_record()) == a_record().leased(moments[taken.index(True)])

    def test_a_queued_message_cannot_be_leased(self, store: MessageStore) -> None:
        store.record(a_record())
        store.mark_queued(a_record().gate_key, NOW)
        assert not store.take_lease(a_record(), LATER)

    def test_an_unmatched_message_cannot_be_leased(self, store: MessageStore) -> None:
        store.record(a_record(conversation=None))
        assert not store.take_lease(a_record(conversation=None), LATER)

    def test_an_unknown_message_cannot_be_leased(self, store: MessageStore) -> None:
        assert not store.take_lease(a_record(), LATER)


class UndeliverableContract(MessageStoreTests):
    """What was tried too often waits for a person."""

    def given_up(self, store: MessageStore) -> MessageRecord:
        store.record(a_record())
        store.take_lease(a_record(), NOW)
        leased = stored(store, a_record())
        assert store.give_up(leased)
        return stored(store, a_record())

    def test_it_is_nobodys_any_more(self, store: MessageStore) -> None:
        record = self.given_up(store)
        assert record == replace(a_record().leased(NOW), state=MessageState.UNDELIVERABLE)
        assert not store.take_lease(record, LATER)
        store.mark_queued(record.gate_key, LATER)
        assert stored(store, record).state is MessageState.UNDELIVERABLE

    def test_it_stays_in_the_history(self, store: MessageStore) -> None:
        self.given_up(store)
        assert len(store.history(KEY)) == 1

    def test_one_that_somebody_else_took_is_not_given_up(self, store: MessageStore) -> None:
        store.record(a_record())
        store.take_lease(a_record(), NOW)
        assert not store.give_up(a_record())
        assert stored(store, a_record()).state is MessageState.PENDING

    def test_one_that_was_queued_is_not_given_up(self, store: MessageStore) -> None:
        store.record(a_record())
        store.mark_queued(a_record().gate_key, NOW)
        assert not store.give_up(a_record())

    def test_it_can_be_tried_again_from_the_start(self, store: MessageStore) -> None:
        record = self.given_up(store)
        assert store.retry(record.gate_key)
        assert stored(store, record) == a_record()
        assert not store.retry(record.gate_key)

    def test_nothing_else_can(self, store: MessageStore) -> None:
        store.record(a_record())
        assert not store.retry(a_record().gate_key)
        assert not store.retry("unknown")


class MessageStoreContract(
    GateContract,
    ProgressContract,
    LeaseContract,
    UndeliverableContract,
    HistoryContract,
    StuckContract,
    UnmatchedContract,
    ImportContract,
    MessageErasureContract,
):
    """All of it. A backend overrides ``store``."""
