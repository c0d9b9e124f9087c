"""Messages as DynamoDB items: what other systems read in plain attributes, the rest as JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from domain.channels import ChannelType
from domain.conversations import imported_key
from domain.erasure import Tombstone
from domain.messages import (
    ConversationKey,
    Direction,
    InboundMessage,
    Message,
    MessageRecord,
    MessageState,
)
from domain.queues import QueueName
from domain.times import parse_rfc3339, rfc3339
from infrastructure.aws.dynamodb.dynamodb_table import Refusal
from infrastructure.aws.dynamodb.dynamodb_values import (
    Item,
    attributes,
    json_object,
    json_text,
    text_of,
)
from infrastructure.serialization.context_json import inbound_from_json, inbound_to_json

HISTORY_INDEX = "history"
WORK_INDEX = "work"
"""What is pending or unmatched, in order."""

AUTHOR_MARK = "author_mark"

WORK_SHARDS = 8
"""Among how many partitions of the index the messages of one state are spread."""

_TIE_BREAKER_LENGTH = 16
"""52 bits tell apart what came in the same microsecond; a whole key would make writes dearer."""

ReadText = Callable[[Item, str], str]
"""A text of an item by its name, wherever it is stored."""

# What a message says, and by which attribute of its own the item says it.
_SAID_BY = {
    "channel": "channel_type",
    "provider_message_id": "message_id",
    "received_at": "timestamp",
}
_EMPTY: tuple[object, ...] = (None, [], {})
_NEVER_MISSING: Mapping[str, object] = {"body": "", "identities": []}
"""What has to be there again if it was left out; the body is the content."""

_OF_HISTORY = ("sender", "recipient", "subject", "attachments")
"""What the history adds to a message's metadata."""


def texts_of(message: InboundMessage) -> dict[str, str]:
    """The parts of an item that have no bound: content, metadata and whatever else came in."""
    entry = message.in_history()
    covered = {name: message.metadata[name] for name in _OF_HISTORY if name in message.metadata}
    fields = json.loads(inbound_to_json(replace(message, metadata=covered)))
    known = {*_SAID_BY, "body"}
    return {
        "content": entry.content,
        "metadata": json_text(entry.metadata),
        "inbound": json_text(
            {n: v for n, v in fields.items() if n not in known and v not in _EMPTY}
        ),
    }


def imported_to_item(key: ConversationKey, message: Message) -> Item:
    """An entry of an older system's history, beside ``texts_of_entry``: what a history shows."""
    return attributes(
        {
            "request_id": imported_key(key, message),
            "conversation": conversation_name(key),
            "message_id": message.message_id,
            "direction": message.direction,
            "timestamp": rfc3339(message.timestamp),
            "channel_type": message.channel_type,
        }
    )


def texts_of_entry(message: Message) -> dict[str, str]:
    """The parts of an imported entry that have no bound."""
    return {"content": message.content, "metadata": json_text(message.metadata)}


def record_to_item(record: MessageRecord) -> Item:
    """The parts of an item that are always small: everything but ``texts_of``."""
    entry = record.message.in_history()
    return attributes(
        {
            "request_id": record.request_id,
            "conversation": conversation_name(record.conversation),
            "state": record.state,
            "message_id": entry.message_id,
            "direction": entry.direction,
            "timestamp": rfc3339(entry.timestamp),
            "channel_type": entry.channel_type,
            "recorded_at": rfc3339(record.recorded_at),
            "lease_until": time_text(record.lease_until),
            "queued_at": time_text(record.queued_at),
            "attempts": record.attempts or None,
            # Only of a message that was moved: the items of all others stay as small as they are.
            "publication": record.publication if record.publication > 1 else None,
            "queue": str(record.queue) if record.queue else None,
            **work_of(record),
        }
    )


def record_from_item(item: Item, read_text: ReadText) -> MessageRecord:
    """What ``record_to_item`` and ``texts_of`` made."""
    fields = _inbound_fields(item, read_text(item, "inbound"))
    shown = json_object(read_text(item, "metadata"))
    own = {name: value for name, value in shown.items() if name not in _OF_HISTORY}
    fields["metadata"] = {**own, **json_object(fields.get("metadata"))}
    return MessageRecord(
        message=inbound_from_json(json_text(fields), read_text(item, "content")),
        conversation=conversation_key(item),
        state=MessageState(text_of(item, "state")),
        recorded_at=parse_rfc3339(text_of(item, "recorded_at")),
        lease_until=_time(item, "lease_until"),
        queued_at=_time(item, "queued_at"),
        attempts=_number(item, "attempts", 0),
        publication=_number(item, "publication", 1),
        queue=QueueName.parse(text_of(item, "queue")) if "queue" in item else None,
    )


def inbound_of(item: Item, inbound: str) -> InboundMessage:
    """The message of an item without its body and metadata; ``inbound`` is the text of it."""
    return inbound_from_json(json_text({**_inbound_fields(item, inbound), "metadata": {}}), "")


def _inbound_fields(item: Item, inbound: str) -> dict[str, object]:
    return {
        **_NEVER_MISSING,
        **json_object(inbound),
        **{name: text_of(item, attribute) for name, attribute in _SAID_BY.items()},
    }


def history_entry(item: Item, read_text: ReadText) -> Message:
    """The message as the history shows it, of an item or of its copy in the index."""
    return Message(
        message_id=text_of(item, "message_id"),
        direction=Direction(text_of(item, "direction")),
        content=read_text(item, "content"),
        timestamp=parse_rfc3339(text_of(item, "timestamp")),
        channel_type=ChannelType(text_of(item, "channel_type")),
        metadata=json_object(read_text(item, "metadata")),
    )


def conversation_name(key: ConversationKey | None) -> str | None:
    """Id and channel of a conversation as one text; a channel has no ``#`` in it."""
    return f"{key.conversation_id}#{key.primary_channel}" if key else None


def work_of(record: MessageRecord) -> dict[str, str]:
    """The keys by which a message that is not queued is found, in the order of its waiting."""
    waiting_since = {
        MessageState.PENDING: record.due_at,
        MessageState.UNMATCHED: record.message.received_at,
    }.get(record.state)
    if waiting_since is None:
        return {}
    shard = int(record.request_id[-1], base=16) % WORK_SHARDS
    return {
        "work": work_partition(record.state, shard),
        "work_since": work_position(rfc3339(waiting_since), record.request_id),
    }


def work_partition(state: MessageState, shard: int) -> str:
    """Where the messages of one state are, spread over several partitions."""
    return f"{state}#{shard}"


def work_position(moment: str, request_id: str) -> str:
    """Where a message is in its partition: by its moment, then by the beginning of its key."""
    return f"{moment}#{request_id[:_TIE_BREAKER_LENGTH]}"


def work_bound(moment: str) -> str:
    """What is greater than every position of ``moment`` and less than those after it."""
    return f"{moment}$"


def conversation_key(item: Item) -> ConversationKey | None:
    """The conversation that an item belongs to, if any."""
    if "conversation" not in item:
        return None
    conversation_id, _, channel = text_of(item, "conversation").rpartition("#")
    return ConversationKey(conversation_id, ChannelType(channel))


def _time(item: Item, name: str) -> datetime | None:
    return parse_rfc3339(text_of(item, name)) if name in item else None


def _number(item: Item, name: str, default: int) -> int:
    return int(item[name]["N"]) if name in item else default


def message_key(request_id: str) -> Item:
    """The key of an item."""
    return attributes({"request_id": request_id})


def time_text(moment: datetime | None) -> str | None:
    """A time as text that compares; nothing of none."""
    return rfc3339(moment) if moment else None


def as_seen(name: str, *, seen: bool) -> str:
    """The condition that an attribute is as the caller saw it, be it missing."""
    return f"#{name} = :seen" if seen else f"attribute_not_exists(#{name})"


def succeeded(refusal: Refusal | None, **wanted: str | None) -> bool:
    """Whether a change was made: now, or by a first attempt whose answer was lost."""
    if refusal is None:
        return True
    found = {name: refusal.item.get(name, {}).get("S") for name in wanted}
    return refusal.retried and found == wanted


def is_erased(item: Item) -> bool:
    """Whether the message of an item was erased."""
    return item.get("state", {}).get("S") == MessageState.ERASED


def tombstone_of(item: Item) -> Tombstone:
    """What an erased item says."""
    return Tombstone(*(text_of(item, name) for name in ("request_id", AUTHOR_MARK)))
