"""Messages as rows of SQLite."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.outbox import MessageRecord, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.message_json import inbound_from_json, inbound_to_json

READ_COLUMNS = (
    "conversation_id, primary_channel, state, content, recorded_at, lease_until, queued_at, "
    "attempts, inbound"
)


def key_columns(key: ConversationKey | None) -> tuple[str | None, str | None]:
    """Both columns of a conversation; of none they are null."""
    return (key.conversation_id, key.primary_channel) if key else (None, None)


def time_column(moment: datetime | None) -> str | None:
    """A time as text that compares, or null."""
    return None if moment is None else rfc3339(moment)


def record_to_row(record: MessageRecord) -> dict[str, str | int | None]:
    """The values of all columns but ``author_mark``, by their names."""
    entry = record.message.in_history()
    conversation_id, primary_channel = key_columns(record.conversation)
    return {
        "request_id": record.request_id,
        "conversation_id": conversation_id,
        "primary_channel": primary_channel,
        "state": record.state,
        "message_id": entry.message_id,
        "direction": entry.direction,
        "content": entry.content,
        "timestamp": rfc3339(entry.timestamp),
        "channel_type": entry.channel_type,
        "recorded_at": rfc3339(record.recorded_at),
        "lease_until": time_column(record.lease_until),
        "queued_at": time_column(record.queued_at),
        "attempts": record.attempts,
        "due_at": rfc3339(record.due_at),
        "inbound": inbound_to_json(record.message),
    }


def record_from_row(row: Sequence[Any]) -> MessageRecord:
    """The record of a row of ``READ_COLUMNS``."""
    conversation_id, primary_channel, state, content, *times, attempts, inbound = row
    recorded_at, lease_until, queued_at = (parse_rfc3339(text) if text else None for text in times)
    assert recorded_at is not None  # noqa: S101 - a NOT NULL column
    key = (
        ConversationKey(conversation_id, ChannelType(primary_channel)) if conversation_id else None
    )
    return MessageRecord(
        message=inbound_from_json(inbound, content),
        conversation=key,
        state=MessageState(state),
        recorded_at=recorded_at,
        lease_until=lease_until,
        queued_at=queued_at,
        attempts=attempts,
    )
