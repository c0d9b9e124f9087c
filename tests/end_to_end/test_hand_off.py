"""A hand-off applies to every webhook sent after it, also under concurrency."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain

import pytest

from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.messages import ConversationKey
from tests.changed_units import use_separate_steps
from tests.contracts.concurrency import at_once
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import Response, RunningFrontDesk, on_aws_too
from tests.end_to_end.responses import ACKNOWLEDGED, every_channel

pytestmark = on_aws_too

SENDERS = {
    ChannelType.SMS: ("+14155550101", "+14155550102", "+14155550103"),
    ChannelType.WHATSAPP: ("+14155550101", "+14155550102", "+14155550103"),
    ChannelType.EMAIL: ("ana@example.com", "ben@example.com", "cleo@example.com"),
}


@pytest.fixture
def conversations(frontdesk: RunningFrontDesk) -> list[Conversation]:
    """Three on each channel."""
    return [
        frontdesk.given_conversation(
            channel, conversation_id=f"{channel}-{number}", sender_id=sender
        )
        for channel, senders in SENDERS.items()
        for number, sender in enumerate(senders)
    ]


def switch(frontdesk: RunningFrontDesk, conversation: Conversation, *, on: bool) -> None:
    frontdesk.container.operations().switch_hand_off()(conversation.conversation_id, on=on)


def send(frontdesk: RunningFrontDesk, conversation: Conversation, text: str) -> Response:
    return frontdesk.post(
        frontdesk.webhook(conversation.primary_channel, sender=conversation.sender_id, body=text)
    )


def switch_and_send(
    frontdesk: RunningFrontDesk, conversation: Conversation, text: str, *, on: bool
) -> Response:
    switch(frontdesk, conversation, on=on)
    return send(frontdesk, conversation, text)


def run(calls: Iterable[Callable[[], Response]]) -> None:
    """Make all calls at once; each must be acknowledged."""
    assert {response.status for response in at_once(calls)} == {200}


def queued(frontdesk: RunningFrontDesk) -> dict[tuple[str, str], list[str]]:
    """The texts on each queue, by (queue, conversation)."""
    found: dict[tuple[str, str], list[str]] = {}
    for queue, contexts in frontdesk.contexts().items():
        for context in contexts:
            key = queue, context.conversation.conversation_id
            found.setdefault(key, []).append(context.message.body.strip())
    return found


def texts_on(found: dict[tuple[str, str], list[str]], kind: str) -> dict[str, set[str]]:
    """The texts on queues of this kind, by conversation."""
    return {
        conversation_id: set(texts)
        for (queue, conversation_id), texts in found.items()
        if queue.endswith(kind)
    }


@every_channel
def test_webhook_sent_after_a_hand_off_switch_follows_it(
    frontdesk: RunningFrontDesk, channel: ChannelType
) -> None:
    conversation = frontdesk.given_conversation(channel)
    switch_and_send(frontdesk, conversation, "To a human", on=True)
    switch_and_send(frontdesk, conversation, "To the AI", on=False)
    assert queued(frontdesk) == {
        (f"{channel}-handoff", "conversation-1"): ["To a human"],
        (f"{channel}-replies", "conversation-1"): ["To the AI"],
    }


@every_channel
def test_webhook_in_progress_during_a_hand_off_follows_it(
    serve: Serve, channel: ChannelType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In one transaction with the record, nothing can come between.
    frontdesk = serve(prepare=use_separate_steps)
    conversation = frontdesk.given_conversation(channel)
    store = frontdesk.container.conversation_store()
    find = store.find_open_conversations

    def find_just_before_the_switch(
        channel: ChannelType, senders: Sequence[str], recipients: Sequence[str]
    ) -> tuple[Conversation, ...]:
        found = find(channel, senders, recipients)
        switch(frontdesk, conversation, on=True)
        return found

    monkeypatch.setattr(store, "find_open_conversations", find_just_before_the_switch)
    send(frontdesk, conversation, "To a human")

    assert queued(frontdesk) == {(f"{channel}-handoff", "conversation-1"): ["To a human"]}


@pytest.mark.parametrize("on", [True, False])
def test_webhooks_sent_after_a_switch_follow_it_while_others_are_in_progress(
    frontdesk: RunningFrontDesk, conversations: list[Conversation], on: bool
) -> None:
    for conversation in conversations:
        switch(frontdesk, conversation, on=not on)
    before = [
        partial(send, frontdesk, conversation, f"racing {number}")
        for conversation in conversations
        for number in range(4)
    ]
    after = [
        partial(switch_and_send, frontdesk, conversation, "after", on=on)
        for conversation in conversations
    ]

    run(chain(before, after))

    found = queued(frontdesk)
    following = texts_on(found, "handoff" if on else "replies")
    assert {key for key, texts in following.items() if "after" in texts} == {
        conversation.conversation_id for conversation in conversations
    }
    assert Counter(text for texts in found.values() for text in texts) == {
        "after": len(conversations),
        **{f"racing {number}": len(conversations) for number in range(4)},
    }


def test_hand_off_switched_on_and_off_decides_the_queue_of_each_round(
    frontdesk: RunningFrontDesk, conversations: list[Conversation]
) -> None:
    for round_number, on in enumerate([True, False, True]):
        for conversation in conversations:
            switch(frontdesk, conversation, on=on)
        run(
            partial(send, frontdesk, conversation, f"{round_number}-{number}")
            for conversation in conversations
            for number in range(3)
        )

    found = queued(frontdesk)
    ids = {conversation.conversation_id for conversation in conversations}
    of_round = [{f"{round_number}-{number}" for number in range(3)} for round_number in range(3)]
    assert texts_on(found, "handoff") == dict.fromkeys(ids, of_round[0] | of_round[2])
    assert texts_on(found, "replies") == dict.fromkeys(ids, of_round[1])
    assert sum(len(texts) for texts in found.values()) == 9 * len(ids)


def test_hand_off_is_not_undone_by_messages_in_progress(
    frontdesk: RunningFrontDesk, conversations: list[Conversation]
) -> None:
    writers = [
        partial(send, frontdesk, conversation, f"racing {number}")
        for conversation in conversations
        for number in range(4)
    ]
    switches = [
        partial(switch_and_send, frontdesk, conversation, "after", on=True)
        for conversation in conversations
    ]
    run(chain(writers, switches))

    store = frontdesk.container.conversation_store()
    for conversation in conversations:
        (record,) = store.get_conversations(conversation.conversation_id)
        assert record.hand_off_to_human
        assert len(frontdesk.container.message_store().history(record.key)) == 5


@every_channel
def test_concurrent_copies_become_one_message_while_the_hand_off_is_switched(
    frontdesk: RunningFrontDesk, channel: ChannelType
) -> None:
    conversation = frontdesk.given_conversation(channel)
    webhook = frontdesk.webhook(channel, body="Once")

    def copy() -> Response:
        return frontdesk.post(webhook)

    def hand_off() -> Response:
        return switch_and_send(frontdesk, conversation, "After", on=True)

    responses = at_once([*[copy] * 24, hand_off])

    assert {response.shown for response in responses} == {ACKNOWLEDGED[channel]}
    found = queued(frontdesk)
    assert Counter(text for texts in found.values() for text in texts) == {"Once": 1, "After": 1}
    assert "After" in found[f"{channel}-handoff", "conversation-1"]
    key = ConversationKey("conversation-1", channel)
    assert len(frontdesk.container.message_store().history(key)) == 2


@every_channel
def test_concurrent_copies_from_an_unknown_sender_receive_one_fallback(
    frontdesk: RunningFrontDesk, channel: ChannelType
) -> None:
    webhook = frontdesk.webhook(channel)

    def copy() -> Response:
        return frontdesk.post(webhook)

    responses = at_once([copy] * 24)

    assert {response.shown for response in responses} == {ACKNOWLEDGED[channel]}
    assert len(frontdesk.unmatched()) == 1
    assert len((frontdesk.data_dir / "fallbacks.jsonl").read_text().splitlines()) == 1
