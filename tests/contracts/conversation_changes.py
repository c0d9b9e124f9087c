"""The contract of ``ConversationStore`` for changes: activity, identities, hand-off."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import cast

import pytest

from application.ports.stores import Stores
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import (
    CLOSED,
    USER_REPLY_RECEIVED,
    Conversation,
    ConversationState,
    Direction,
    Message,
    StateChange,
)
from domain.messages import ConversationKey, InboundMessage
from tests.builders import NOW, RECIPIENT, SENDER, a_conversation, an_inbound_message
from tests.contracts.concurrency import at_once

SMS, WHATSAPP, EMAIL = ChannelType.SMS, ChannelType.WHATSAPP, ChannelType.EMAIL
NUMBER = SENDER[SMS]
HANDED_OFF = StateChange(hand_off_to_human=True)
HANDED_BACK = StateChange(hand_off_to_human=False)
LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


def only(stores: Stores, conversation_id: str = "conversation-1") -> Conversation:
    """The record as the store has it."""
    (record,) = stores.conversations.get_conversations(conversation_id)
    return record


def ids(conversations: tuple[Conversation, ...]) -> list[str]:
    """The ids of conversations, in their order."""
    return [conversation.conversation_id for conversation in conversations]


class ConversationStoreTests:
    """The fixture that a backend overrides."""

    @pytest.fixture
    def stores(self) -> Stores:
        raise NotImplementedError("a backend provides it")


class ActivityContract(ConversationStoreTests):
    """An incoming message changes its conversation if the domain's condition holds."""

    def test_message_changes_the_conversation_as_the_domain_says(self, stores: Stores) -> None:
        conversation, message = a_conversation(), an_inbound_message(body="ä" * 5000)
        stores.conversations.open_conversation(conversation)
        assert stores.conversations.record_activity(conversation, message) == conversation.received(
            message
        )
        assert only(stores) == conversation.received(message)

    def test_conversation_without_recipient_takes_the_recipient_of_its_first_message(
        self, stores: Stores
    ) -> None:
        conversation = a_conversation(recipient_id=None)
        stores.conversations.open_conversation(conversation)
        stores.conversations.record_activity(conversation, an_inbound_message())
        assert only(stores).recipient_id == RECIPIENT[SMS]

    @pytest.mark.parametrize("received_at", [EARLIER, NOW])
    def test_late_message_changes_nothing_in_the_stored_conversation(
        self, stores: Stores, received_at: datetime
    ) -> None:
        conversation = a_conversation(last_user_message_at=NOW, conversation_status="answered")
        stores.conversations.open_conversation(conversation)
        late = an_inbound_message(received_at=received_at)
        assert stores.conversations.record_activity(conversation, late) == conversation
        assert only(stores) == conversation

    def test_missing_conversation_takes_no_message(self, stores: Stores) -> None:
        assert stores.conversations.record_activity(a_conversation(), an_inbound_message()) is None
        assert stores.conversations.get_conversations("conversation-1") == ()

    def test_conversation_closed_in_the_meantime_takes_no_message(self, stores: Stores) -> None:
        closed = a_conversation(conversation_status=CLOSED)
        stores.conversations.open_conversation(closed)
        assert stores.conversations.record_activity(a_conversation(), an_inbound_message()) is None
        assert only(stores) == closed

    @pytest.mark.parametrize("known_recipient", [RECIPIENT[SMS], None])
    def test_conversation_of_another_recipient_takes_no_message(
        self, stores: Stores, known_recipient: str | None
    ) -> None:
        other = a_conversation(recipient_id="+15005550001")
        stores.conversations.open_conversation(other)
        seen = a_conversation(recipient_id=known_recipient)
        assert stores.conversations.record_activity(seen, an_inbound_message()) is None
        assert only(stores) == other

    def test_conversation_with_this_recipient_set_in_the_meantime_takes_the_message(
        self, stores: Stores
    ) -> None:
        stores.conversations.open_conversation(a_conversation())
        seen = a_conversation(recipient_id=None)
        message = an_inbound_message()
        assert stores.conversations.record_activity(seen, message) == a_conversation().received(
            message
        )

    def test_activity_condition_and_change_equal_those_of_the_domain_in_every_case(
        self, stores: Stores
    ) -> None:
        recipients = (None, "", RECIPIENT[SMS], "+15005550001")
        cases = product(recipients, recipients, (CLOSED, "answered"), (None, EARLIER, NOW, LATER))
        message = an_inbound_message(received_at=NOW)
        for number, (recipient, known_recipient, status, last_seen) in enumerate(cases):
            stored = a_conversation(
                conversation_id=str(number),
                recipient_id=recipient,
                conversation_status=status,
                hand_off_to_human=True,
                last_user_message_at=last_seen,
            )
            stores.conversations.open_conversation(stored)
            takes_it = stored.is_open and recipient in (known_recipient, RECIPIENT[SMS])
            after = stores.conversations.record_activity(
                replace(stored, recipient_id=known_recipient), message
            )
            assert after == (stored.received(message) if takes_it else None)
            assert only(stores, str(number)) == (after or stored)

    def test_concurrent_messages_leave_the_latest_in_the_conversation(self, stores: Stores) -> None:
        conversation = a_conversation()
        stores.conversations.open_conversation(conversation)
        messages = [
            an_inbound_message(message_id=f"SM{n}", received_at=NOW + timedelta(milliseconds=n))
            for n in range(32)
        ]
        states = at_once(
            partial(stores.conversations.record_activity, conversation, m) for m in messages
        )
        assert only(stores) == conversation.received(messages[-1])
        for message, state in zip(messages, states, strict=True):
            assert state is not None
            assert state.last_user_message_at is not None
            assert state.last_user_message_at >= message.received_at


class IdentityContract(ConversationStoreTests):
    """Every identity of a sender leads to the conversation."""

    @pytest.fixture
    def message(self) -> InboundMessage:
        """A message from a WhatsApp user whose number is not hidden yet."""
        user_id = Address.parse(WHATSAPP, "DE.13491208655302741918")
        number = Address.parse(WHATSAPP, NUMBER)
        return an_inbound_message(WHATSAPP, identities=(user_id, number))

    def test_conversation_is_found_by_every_identity_of_a_received_message(
        self, stores: Stores, message: InboundMessage
    ) -> None:
        stores.conversations.open_conversation(a_conversation(WHATSAPP))
        stores.conversations.record_activity(a_conversation(WHATSAPP), message)
        for identity in message.identities:
            found = stores.conversations.find_open_conversations(WHATSAPP, [identity.value])
            assert ids(found) == ["conversation-1"]

    def test_conversation_is_found_by_an_identity_of_a_late_message(
        self, stores: Stores, message: InboundMessage
    ) -> None:
        conversation = a_conversation(WHATSAPP, last_user_message_at=LATER)
        stores.conversations.open_conversation(conversation)
        stores.conversations.record_activity(conversation, message)
        found = stores.conversations.find_open_conversations(
            WHATSAPP, [message.identities[0].value]
        )
        assert ids(found) == ["conversation-1"]

    def test_conversation_is_not_found_by_an_identity_of_a_message_it_did_not_take(
        self, stores: Stores, message: InboundMessage
    ) -> None:
        stores.conversations.open_conversation(
            a_conversation(WHATSAPP, recipient_id="+15005550001")
        )
        stores.conversations.record_activity(a_conversation(WHATSAPP), message)
        assert (
            stores.conversations.find_open_conversations(WHATSAPP, [message.identities[0].value])
            == ()
        )


class StateContract(ConversationStoreTests):
    """Status and hand-off are set; every message that is recorded afterwards sees them."""

    def test_switching_hand_off_returns_the_changed_conversation(self, stores: Stores) -> None:
        conversation = a_conversation()
        stores.conversations.open_conversation(conversation)
        handed_off = replace(conversation, hand_off_to_human=True)
        assert stores.conversations.change_state(conversation.key, HANDED_OFF) == (handed_off, True)
        assert only(stores) == handed_off
        assert stores.conversations.change_state(conversation.key, HANDED_BACK) == (
            conversation,
            True,
        )

    def test_switching_hand_off_of_a_missing_conversation_returns_nothing(
        self, stores: Stores
    ) -> None:
        assert stores.conversations.change_state(ConversationKey("unknown", SMS), HANDED_OFF) == (
            None,
            False,
        )

    @pytest.mark.parametrize("last_seen", [None, LATER])
    def test_message_after_a_hand_off_sees_the_hand_off(
        self, stores: Stores, last_seen: datetime | None
    ) -> None:
        conversation = a_conversation(last_user_message_at=last_seen)
        stores.conversations.open_conversation(conversation)
        stores.conversations.change_state(conversation.key, HANDED_OFF)
        after = stores.conversations.record_activity(conversation, an_inbound_message())
        assert after is not None
        assert after.hand_off_to_human

    def test_concurrent_hand_off_and_message_are_both_stored(self, stores: Stores) -> None:
        conversation, message = a_conversation(), an_inbound_message()
        stores.conversations.open_conversation(conversation)
        calls: list[Callable[[], object]] = [
            partial(stores.conversations.change_state, conversation.key, HANDED_OFF),
            partial(stores.conversations.record_activity, conversation, message),
        ]
        at_once(calls)
        assert only(stores) == replace(conversation.received(message), hand_off_to_human=True)

    def test_status_is_set_and_nothing_else_changes(self, stores: Stores) -> None:
        conversation = a_conversation(hand_off_to_human=True, last_activity_at=NOW)
        stores.conversations.open_conversation(conversation)
        closed = replace(conversation, conversation_status=CLOSED)
        change = StateChange(conversation_status=CLOSED)
        assert stores.conversations.change_state(conversation.key, change) == (closed, True)
        assert only(stores) == closed
        assert stores.conversations.record_activity(conversation, an_inbound_message()) is None

    def test_status_and_hand_off_are_set_together(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation())
        change = StateChange("answered", hand_off_to_human=True)
        record, is_set = stores.conversations.change_state(a_conversation().key, change)
        assert is_set
        assert record == only(stores)
        assert record.state == ConversationState("answered", hand_off_to_human=True)

    @pytest.mark.parametrize(
        "seen",
        [
            ConversationState("active", hand_off_to_human=True),
            ConversationState("answered", hand_off_to_human=False),
        ],
    )
    def test_state_that_another_caller_changed_is_not_set(
        self, stores: Stores, seen: ConversationState
    ) -> None:
        conversation = a_conversation(conversation_status="active", hand_off_to_human=False)
        stores.conversations.open_conversation(conversation)
        change = StateChange(CLOSED, hand_off_to_human=True)
        assert stores.conversations.change_state(conversation.key, change, seen=seen) == (
            conversation,
            False,
        )
        assert only(stores) == conversation

    def test_state_that_was_seen_is_set_once_by_concurrent_callers(self, stores: Stores) -> None:
        conversation = a_conversation()
        stores.conversations.open_conversation(conversation)
        change = partial(stores.conversations.change_state, conversation.key, HANDED_OFF)
        results = at_once([partial(change, seen=conversation.state)] * 8)
        assert [is_set for _, is_set in results].count(True) == 1
        assert {record for record, _ in results} == {only(stores)}

    def test_message_does_not_make_a_seen_hand_off_stale(self, stores: Stores) -> None:
        conversation = a_conversation(conversation_status=USER_REPLY_RECEIVED)
        stores.conversations.open_conversation(conversation)
        stores.conversations.record_activity(conversation, an_inbound_message())
        seen = conversation.state
        _, is_set = stores.conversations.change_state(conversation.key, HANDED_OFF, seen=seen)
        assert is_set

    def test_changing_a_conversation_outside_the_store_does_not_change_it_inside(
        self, stores: Stores
    ) -> None:
        last = Message("SM1", Direction.INBOUND, "Hello", NOW, SMS, {"media": ["a"]})
        stores.conversations.open_conversation(a_conversation(last_message=last))
        cast(list[str], last.metadata["media"]).append("put in")
        outside = only(stores).last_message
        assert outside is not None
        cast(dict[str, object], outside.metadata)["got"] = "out"
        retained = replace(last, metadata={"media": ["a"]})
        assert only(stores).last_message == retained
