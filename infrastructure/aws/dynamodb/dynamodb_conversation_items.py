"""Conversation records as DynamoDB items, also those that other systems write; and participants.

What they write is read as well as it can be: numbers and texts where we write truths, times of
other precisions, attributes missing or null. What cannot be understood counts as missing.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from domain.channels import ChannelType
from domain.conversations import ACTIVE, Conversation, Direction, Message
from domain.messages import ConversationKey
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import (
    Item,
    attributes,
    json_object,
    json_text,
    plain,
    text_of,
    time_text,
)

RECORD_KEY = ("conversation_id", "primary_channel")
"""The names of a record's key."""

TEXTS = (
    "sender_id",
    "recipient_id",
    "conversation_status",
    "thread_id",
    "company_id",
    "project_id",
    "company_name",
    "credentials_reference",
)
"""The attributes of a record that are texts and no key."""

# What never changes in a record, or is set once: enough to decide whether a message may join.
_COPIED = tuple(name for name in TEXTS if name != "conversation_status")
_TRUE = frozenset({"true", "1", "yes", "on"})
_LONG_AGO = datetime.fromtimestamp(0, UTC)
_FIRST_MILLISECONDS = 100_000_000_000
"""Seconds since 1970 end at five thousand years; milliseconds began to be written after 1973."""


def key_to_item(key: ConversationKey) -> Item:
    """The key of a record."""
    return attributes(
        {"conversation_id": key.conversation_id, "primary_channel": key.primary_channel}
    )


def conversation_to_item(conversation: Conversation) -> Item:
    """A record as it is first written. The list of an older system's messages is not."""
    last = conversation.last_message
    texts = {name: getattr(conversation, name) for name in TEXTS}
    values = {
        **texts,
        # It is the key of an index, where an empty text is refused.
        "sender_id": conversation.sender_id or None,
        "hand_off_to_human": conversation.hand_off_to_human,
        "last_user_message_at": time_text(conversation.last_user_message_at),
        "last_activity_at": time_text(conversation.last_activity_at),
        "last_message": last_message_to_map(last) if last else None,
    }
    return {**key_to_item(conversation.key), **attributes(values)}


def last_message_to_map(message: Message) -> Mapping[str, object]:
    """The copy of the last message inside a record."""
    return {
        "message_id": message.message_id,
        "direction": message.direction,
        "content": message.content,
        "timestamp": rfc3339(message.timestamp),
        "channel_type": message.channel_type,
        "metadata": json_text(message.metadata) if message.metadata else None,
    }


def conversation_from_item(item: Item) -> Conversation | None:
    """The record; ``None`` of an empty item, or if its channel is one that we do not serve."""
    values = {name: plain(value) for name, value in item.items()}
    try:
        channel = ChannelType(str(values.get("primary_channel")))
    except ValueError:
        return None
    texts: dict[str, Any] = {name: _text(values.get(name)) for name in TEXTS}
    texts["conversation_status"] = texts["conversation_status"] or ACTIVE
    last = values.get("last_message")
    return Conversation(
        conversation_id=str(values["conversation_id"]),
        primary_channel=channel,
        hand_off_to_human=_truth(values.get("hand_off_to_human")),
        last_user_message_at=_moment(values.get("last_user_message_at")),
        last_activity_at=_moment(values.get("last_activity_at")),
        last_message=_message(last, channel) if isinstance(last, Mapping) else None,
        legacy_messages=_legacy_messages(values.get("messages"), channel),
        **texts,
    )


def conversations_from(items: Iterable[Item]) -> Iterator[Conversation]:
    """The records on channels that we serve."""
    return (record for item in items if (record := conversation_from_item(item)))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _truth(value: object) -> bool:
    return value.lower() in _TRUE if isinstance(value, str) else bool(value)


def _moment(value: object) -> datetime | None:
    """A time of any precision and offset, in UTC if it has none, or a number since 1970."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.upper())
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        if isinstance(value, int | float):
            seconds = value / 1000 if value >= _FIRST_MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _message(
    entry: Mapping[str, object], channel: ChannelType, name: str = "", at: datetime = _LONG_AGO
) -> Message:
    """A message inside a record; what stands beside it is for what it lacks."""
    outbound = str(entry.get("direction")).upper() == Direction.OUTBOUND
    own_channel = str(entry.get("channel_type"))
    return Message(
        message_id=_text(entry.get("message_id")) or name,
        direction=Direction.OUTBOUND if outbound else Direction.INBOUND,
        content=_text(entry.get("content")) or "",
        timestamp=_moment(entry.get("timestamp")) or at,
        channel_type=ChannelType(own_channel) if own_channel in set(ChannelType) else channel,
        metadata=json_object(entry.get("metadata")),
    )


def _legacy_messages(value: object, channel: ChannelType) -> tuple[Message, ...]:
    """The list inside a record of an older system, whose order is the best that we know.

    All that an entry says is in its message, for the list may be moved: what has no attribute
    of its own, or is not understood, is in the metadata.
    """
    messages: list[Message] = []
    unnamed: Counter[str] = Counter()
    at = _LONG_AGO
    for entry in map(_as_map, value if isinstance(value, list) else []):
        name = _name_by_content(entry)
        message = _message(entry, channel, f"{name}-{unnamed[name]}", at)
        messages.append(replace(message, metadata={**_other_fields(entry), **message.metadata}))
        unnamed[name] += 1
        at = message.timestamp
    return tuple(messages)


def _as_map(entry: object) -> Mapping[str, object]:
    if isinstance(entry, Mapping):
        return entry
    return {"content": entry if isinstance(entry, str) else json_text(entry)}


def _name_by_content(entry: Mapping[str, object]) -> str:
    """An id for an entry that has none, which stays when entries before it are taken away."""
    parts = [str(entry.get(name)) for name in ("direction", "timestamp", "content")]
    return f"messages/{hashlib.sha256(json_text(parts).encode()).hexdigest()[:16]}"


def _other_fields(entry: Mapping[str, object]) -> dict[str, object]:
    understood = {"message_id", "direction", "content", "channel_type"}
    if _moment(entry.get("timestamp")):
        understood.add("timestamp")
    if json_object(entry.get("metadata")):
        understood.add("metadata")
    others = {n: v for n, v in entry.items() if n not in understood and v is not None}
    # DynamoDB has values that JSON has not: bytes.
    return json_object(json.dumps(others, default=str))


class DynamoDbParticipants:
    """One item for each sender value that leads to a conversation. Senders are normalised."""

    def __init__(self, table: DynamoDbTable) -> None:
        self.table = table

    def find(self, channel: ChannelType, senders: Sequence[str]) -> tuple[Conversation, ...]:
        """The conversations of any of ``senders``, as far as the copies know them."""
        found: dict[ConversationKey, Conversation] = {}
        for sender in senders:
            items = self.table.query("#sender = :sender", {"sender": _partition(channel, sender)})
            of_channel = attributes({"primary_channel": channel})
            for copy in conversations_from({**item, **of_channel} for item in items):
                known = found.get(copy.key, copy)
                found[copy.key] = replace(copy, found_by=known.found_by | {sender})
        return tuple(found.values())

    def keys(
        self, channel: ChannelType, sender: str, limit: int, *, from_id: str = ""
    ) -> Iterator[ConversationKey]:
        """The first ``limit`` keys of a sender's conversations, from an id on, in order."""
        condition = "#sender = :sender"
        if from_id:
            condition += " AND #conversation_id >= :from_id"
        values = {"sender": _partition(channel, sender), "from_id": from_id}
        for item in islice(self.table.query(condition, values, page_size=limit), limit):
            yield ConversationKey(text_of(item, "conversation_id"), channel)

    def add(self, conversation: Conversation, senders: Iterable[str]) -> None:
        """Let ``senders`` lead to ``conversation``, whose present state is copied."""
        copy = attributes({name: getattr(conversation, name) for name in _COPIED})
        for sender in senders:
            self.table.put({**_participant_key(conversation.key, sender), **copy})

    def remove(self, key: ConversationKey, senders: Iterable[str]) -> None:
        """Let ``senders`` lead to the conversation no longer."""
        for sender in senders:
            self.table.delete(_participant_key(key, sender))

    def remove_all(self, key: ConversationKey) -> None:
        """Let no sender lead to the conversation any longer. Reads the whole table."""
        condition = "#conversation_id = :id AND begins_with(#sender, :channel)"
        channel = _partition(key.primary_channel, "")
        for page in self.table.scan(condition, id=key.conversation_id, channel=channel):
            for item in page:
                self.table.delete({name: item[name] for name in ("sender", "conversation_id")})


def _partition(channel: ChannelType, sender: str) -> str:
    return f"{channel}#{sender}"


def _participant_key(key: ConversationKey, sender: str) -> Item:
    partition = _partition(key.primary_channel, sender)
    return attributes({"sender": partition, "conversation_id": key.conversation_id})
