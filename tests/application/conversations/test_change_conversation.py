"""Changing the status of a conversation, and who answers it."""

import pytest
from typing_extensions import override

from application.conversations.change_conversation import (
    ChangeConversation,
    StaleConversationError,
)
from domain.conversations import (
    CLOSED,
    SETTABLE_STATUSES,
    Conversation,
    ConversationState,
    StateChange,
)
from domain.errors import ConversationNotFoundError, InvalidStatusError
from domain.messages import ConversationKey
from infrastructure.memory.memory_conversations import MemoryConversationStore
from tests.builders import KEY, a_conversation, an_inbound_message

HAND_OFF = StateChange(hand_off_to_human=True)
CLOSE = StateChange(conversation_status=CLOSED)


@pytest.fixture
def store() -> MemoryConversationStore:
    store = MemoryConversationStore()
    store.open_conversation(a_conversation())
    return store


@pytest.fixture
def change(store: MemoryConversationStore) -> ChangeConversation:
    return ChangeConversation(store)


def test_change_is_idempotent(change: ChangeConversation, store: MemoryConversationStore) -> None:
    once, twice = change(KEY, HAND_OFF), change(KEY, HAND_OFF)
    assert once == twice == store.get_conversation(KEY)
    assert once.hand_off_to_human


@pytest.mark.parametrize("status", SETTABLE_STATUSES)
def test_every_known_status_is_set(change: ChangeConversation, status: str) -> None:
    assert change(KEY, StateChange(status)).conversation_status == status


@pytest.mark.parametrize("status", ["answered", "Closed", " closed", "", "x" * 5_000, "\ud800"])
def test_any_other_status_is_refused(
    change: ChangeConversation, store: MemoryConversationStore, status: str
) -> None:
    with pytest.raises(InvalidStatusError, match="active, user_reply_received, closed"):
        change(KEY, StateChange(status, hand_off_to_human=True))
    assert store.get_conversation(KEY) == a_conversation()


def test_status_of_another_system_is_kept_by_a_hand_off() -> None:
    store = MemoryConversationStore()
    store.open_conversation(a_conversation(conversation_status="waiting_for_parts"))
    assert ChangeConversation(store)(KEY, HAND_OFF).conversation_status == "waiting_for_parts"


def test_change_of_the_state_that_was_seen_is_made(change: ChangeConversation) -> None:
    etag = a_conversation().state.etag
    changed = change(KEY, HAND_OFF, if_match=etag)
    assert changed.hand_off_to_human
    assert changed.state.etag != etag


def test_change_of_another_state_is_refused_with_the_present_one(
    change: ChangeConversation, store: MemoryConversationStore
) -> None:
    etag = a_conversation().state.etag
    first = change(KEY, HAND_OFF, if_match=etag)
    with pytest.raises(StaleConversationError) as stale:
        change(KEY, CLOSE, if_match=etag)
    assert stale.value.present == first == store.get_conversation(KEY)


def test_message_meanwhile_leaves_an_etag_valid(
    change: ChangeConversation, store: MemoryConversationStore
) -> None:
    store.record_activity(a_conversation(), an_inbound_message())
    seen = store.get_conversation(KEY)
    assert seen is not None
    later = an_inbound_message(message_id="SM2", received_at=seen.last_user_message_at)
    store.record_activity(a_conversation(), later)
    assert change(KEY, HAND_OFF, if_match=seen.state.etag).hand_off_to_human


class ChangedMeanwhile(MemoryConversationStore):
    """Another caller closes the conversation between the look and the write."""

    @override
    def change_state(
        self, key: ConversationKey, change: StateChange, *, seen: ConversationState | None = None
    ) -> tuple[Conversation | None, bool]:
        super().change_state(key, CLOSE)
        return super().change_state(key, change, seen=seen)


def test_state_is_compared_in_the_write() -> None:
    store = ChangedMeanwhile()
    store.open_conversation(a_conversation())
    with pytest.raises(StaleConversationError) as stale:
        ChangeConversation(store)(KEY, HAND_OFF, if_match=a_conversation().state.etag)
    assert stale.value.present == a_conversation(conversation_status=CLOSED)


@pytest.mark.parametrize("if_match", [None, "etag"])
def test_unknown_conversation_is_not_changed(
    change: ChangeConversation, if_match: str | None
) -> None:
    with pytest.raises(ConversationNotFoundError):
        change(ConversationKey("unknown", KEY.primary_channel), HAND_OFF, if_match=if_match)


def test_each_state_has_another_etag() -> None:
    states = [
        ConversationState(status, hand_off_to_human=on)
        for status in ("active", "0 active", "1 active", "", "\ud800")
        for on in (False, True)
    ]
    assert len({state.etag for state in states}) == len(states)


def test_change_of_nothing_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="sets the status"):
        StateChange()
