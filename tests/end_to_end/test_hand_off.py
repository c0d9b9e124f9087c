"""A hand-off holds for every webhook that is sent after it, whatever else happens meanwhile."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain

import pytest

from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.conversations import Conversation
from tests.contracts.concurrency import at_once
from tests.end_to_end.answers import THANKS, every_channel
from tests.end_to_end.desk import Answer, Desk, on_aws_too

pytestmark = on_aws_too

SENDERS = {
    ChannelType.SMS: ("+14155550101", "+14155550102", "+14155550103"),
    ChannelType.WHATSAPP: ("+14155550101", "+14155550102", "+14155550103"),
    ChannelType.EMAIL: ("ana@example.com", "ben@example.com", "cleo@example.com"),
}


@pytest.fixture
def conversations(desk: Desk) -> list[Conversation]:
    """Three on each channel."""
    return [
        desk.open(channel, conversation_id=f"{channel}-{number}", sender_id=sender)
        for channel, senders in SENDERS.items()
        for number, sender in enumerate(senders)
    ]


def switch(desk: Desk, conversation: Conversation, *, on: bool) -> None:
    desk.container.switch_hand_off()(conversation.conversation_id, on=on)


def send(desk: Desk, conversation: Conversation, text: str) -> Answer:
    return desk.post(
        desk.webhook(conversation.primary_channel, sender=conversation.sender_id, body=text)
    )


def switch_and_send(desk: Desk, conversation: Conversation, text: str, *, on: bool) -> Answer:
    switch(desk, conversation, on=on)
    return send(desk, conversation, text)


def run(calls: Iterable[Callable[[], Answer]]) -> None:
    """Make all calls at once; each is answered as if it were alone."""
    assert {answer.status for answer in at_once(calls)} == {200}


def queued(desk: Desk) -> dict[tuple[str, str], list[str]]:
    """The texts that each (queue, conversation) holds."""
    found: dict[tuple[str, str], list[str]] = {}
    for queue, contexts in desk.contexts().items():
        for context in contexts:
            key = queue, context.conversation.conversation_id
            found.setdefault(key, []).append(context.message.body.strip())
    return found


def texts_on(found: dict[tuple[str, str], list[str]], kind: str) -> dict[str, set[str]]:
    """By conversation, what is on its channel's queue of this kind."""
    return {
        conversation_id: set(texts)
        for (queue, conversation_id), texts in found.items()
        if queue.endswith(kind)
    }


@every_channel
def test_webhook_sent_after_a_hand_off_switch_follows_it(desk: Desk, channel: ChannelType) -> None:
    conversation = desk.open(channel)
    switch_and_send(desk, conversation, "To a human", on=True)
    switch_and_send(desk, conversation, "To the AI", on=False)
    assert queued(desk) == {
        (f"{channel}-handoff", "conversation-1"): ["To a human"],
        (f"{channel}-replies", "conversation-1"): ["To the AI"],
    }


@every_channel
def test_webhook_in_progress_during_a_hand_off_follows_it(
    desk: Desk, channel: ChannelType, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = desk.open(channel)
    store = desk.container.conversation_store()
    find = store.find_open_conversations

    def find_just_before_the_switch(
        channel: ChannelType, senders: Sequence[str], recipients: Sequence[str]
    ) -> tuple[Conversation, ...]:
        found = find(channel, senders, recipients)
        switch(desk, conversation, on=True)
        return found

    monkeypatch.setattr(store, "find_open_conversations", find_just_before_the_switch)
    send(desk, conversation, "To a human")

    assert queued(desk) == {(f"{channel}-handoff", "conversation-1"): ["To a human"]}


@pytest.mark.parametrize("on", [True, False])
def test_webhooks_sent_after_a_switch_follow_it_while_others_are_in_progress(
    desk: Desk, conversations: list[Conversation], on: bool
) -> None:
    for conversation in conversations:
        switch(desk, conversation, on=not on)
    before = [
        partial(send, desk, conversation, f"racing {number}")
        for conversation in conversations
        for number in range(4)
    ]
    after = [
        partial(switch_and_send, desk, conversation, "after", on=on)
        for conversation in conversations
    ]

    run(chain(before, after))

    found = queued(desk)
    following = texts_on(found, "handoff" if on else "replies")
    assert {key for key, texts in following.items() if "after" in texts} == {
        conversation.conversation_id for conversation in conversations
    }
    assert Counter(text for texts in found.values() for text in texts) == {
        "after": len(conversations),
        **{f"racing {number}": len(conversations) for number in range(4)},
    }


def test_hand_off_switched_on_and_off_decides_the_queue_of_each_round(
    desk: Desk, conversations: list[Conversation]
) -> None:
    for round_number, on in enumerate([True, False, True]):
        for conversation in conversations:
            switch(desk, conversation, on=on)
        run(
            partial(send, desk, conversation, f"{round_number}-{number}")
            for conversation in conversations
            for number in range(3)
        )

    found = queued(desk)
    ids = {conversation.conversation_id for conversation in conversations}
    of_round = [{f"{round_number}-{number}" for number in range(3)} for round_number in range(3)]
    assert texts_on(found, "handoff") == dict.fromkeys(ids, of_round[0] | of_round[2])
    assert texts_on(found, "replies") == dict.fromkeys(ids, of_round[1])
    assert sum(len(texts) for texts in found.values()) == 9 * len(ids)


def test_hand_off_is_not_undone_by_messages_in_progress(
    desk: Desk, conversations: list[Conversation]
) -> None:
    writers = [
        partial(send, desk, conversation, f"racing {number}")
        for conversation in conversations
        for number in range(4)
    ]
    switches = [
        partial(switch_and_send, desk, conversation, "after", on=True)
        for conversation in conversations
    ]
    run(chain(writers, switches))

    store = desk.container.conversation_store()
    for conversation in conversations:
        (record,) = store.get_conversations(conversation.conversation_id)
        assert record.hand_off_to_human
        assert len(desk.container.message_store().history(record.key)) == 5


@every_channel
def test_concurrent_copies_become_one_message_while_the_hand_off_is_switched(
    desk: Desk, channel: ChannelType
) -> None:
    conversation = desk.open(channel)
    webhook = desk.webhook(channel, body="Once")

    def copy() -> Answer:
        return desk.post(webhook)

    def hand_off() -> Answer:
        return switch_and_send(desk, conversation, "After", on=True)

    answers = at_once([*[copy] * 24, hand_off])

    assert {answer.shown for answer in answers} == {THANKS[channel]}
    found = queued(desk)
    assert Counter(text for texts in found.values() for text in texts) == {"Once": 1, "After": 1}
    assert "After" in found[f"{channel}-handoff", "conversation-1"]
    key = ConversationKey("conversation-1", channel)
    assert len(desk.container.message_store().history(key)) == 2


@every_channel
def test_concurrent_copies_from_an_unknown_sender_receive_one_fallback(
    desk: Desk, channel: ChannelType
) -> None:
    webhook = desk.webhook(channel)

    def copy() -> Answer:
        return desk.post(webhook)

    answers = at_once([copy] * 24)

    assert {answer.shown for answer in answers} == {THANKS[channel]}
    assert len(desk.unmatched()) == 1
    assert len((desk.data_dir / "fallbacks.jsonl").read_text().splitlines()) == 1
