"""Messages in SQLite, under their request ids."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.pages import Page
from domain.channels import ChannelType
from domain.erasure import Tombstone
from domain.messages import ConversationKey, Message, MessageRecord, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.message_json import (
    inbound_from_json,
    inbound_to_json,
    messages_from_json,
)
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

READ_COLUMNS = (
    "conversation_id, primary_channel, state, content, recorded_at, lease_until, queued_at, "
    "attempts, inbound"
)

_INSERT = """
    INSERT INTO messages (
        request_id, conversation_id, primary_channel, state, message_id, direction,
        content, timestamp, channel_type, recorded_at, lease_until, queued_at,
        attempts, due_at, inbound)
    VALUES (
        :request_id, :conversation_id, :primary_channel, :state, :message_id,
        :direction, :content, :timestamp, :channel_type, :recorded_at,
        :lease_until, :queued_at, :attempts, :due_at, :inbound)
    ON CONFLICT (request_id) DO NOTHING
"""
_SELECT = f"""
    SELECT {READ_COLUMNS}, author_mark FROM messages WHERE request_id = ?
"""  # noqa: S608 - our own names
_ASSIGN = f"""
    UPDATE messages
    SET conversation_id = :new_id, primary_channel = :new_channel, state = :state
    WHERE request_id = :request_id
      AND state NOT IN ('{MessageState.QUEUED}', '{MessageState.ERASED}')
      AND conversation_id IS :old_id AND primary_channel IS :old_channel
"""  # noqa: S608
_HISTORY = f"""
    SELECT {READ_COLUMNS} FROM messages
    WHERE conversation_id = :id AND primary_channel = :channel AND timestamp > :after
    ORDER BY timestamp DESC, rowid DESC LIMIT :limit
"""  # noqa: S608
_IMPORTED = """
    SELECT entry FROM imported_messages
    WHERE conversation_id = :id AND primary_channel = :channel AND timestamp > :after
    ORDER BY timestamp DESC, rowid DESC LIMIT :limit
"""
_UNMATCHED = f"""
    SELECT {READ_COLUMNS} FROM messages
    WHERE state = '{MessageState.UNMATCHED}' AND (timestamp, request_id) > (:moment, :request_id)
    ORDER BY timestamp, request_id LIMIT :limit
"""  # noqa: S608


class SqliteMessageStore(MessageStore):
    """Messages as rows; the request id is the primary key."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        row = record_to_row(record)
        with self._database.write() as connection:
            if connection.execute(_INSERT, row).rowcount == 1:
                return None
            return _found(connection, record.request_id)

    @override
    def find_record(self, request_id: str) -> MessageRecord | Tombstone | None:
        with self._database.read() as connection:
            return _found(connection, request_id)

    @override
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        old_id, old_channel = key_columns(record.conversation)
        new_id, new_channel = key_columns(conversation)
        values = {
            "request_id": record.request_id,
            "old_id": old_id,
            "old_channel": old_channel,
            "new_id": new_id,
            "new_channel": new_channel,
            "state": record.assigned_to(conversation).state,
        }
        with self._database.write() as connection:
            return connection.execute(_ASSIGN, values).rowcount == 1

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        wanted = {
            "id": key.conversation_id,
            "channel": key.primary_channel,
            "after": time_column(after) or "",
            "limit": limit,
        }
        with self._database.read() as connection:
            rows = connection.execute(_HISTORY, wanted).fetchall()
        with self._database.read() as connection:
            entries = connection.execute(_IMPORTED, wanted).fetchall()
        latest = [entry for (text,) in reversed(entries) for entry in messages_from_json(text)]
        latest += [record_from_row(row).message.in_history() for row in reversed(rows)]
        latest.sort(key=lambda message: message.timestamp)
        return tuple(latest[max(len(latest) - limit, 0) :])

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        moment, _, request_id = (after or "").partition(" ")
        values = {"limit": limit, "moment": moment, "request_id": request_id}
        with self._database.read() as connection:
            rows = connection.execute(_UNMATCHED, values).fetchall()
        records = tuple(map(record_from_row, rows))
        return Page(records, _cursor(records[-1]) if 0 < len(rows) == limit else None)


def _found(connection: sqlite3.Connection, request_id: str) -> MessageRecord | Tombstone | None:
    row = connection.execute(_SELECT, (request_id,)).fetchone()
    if row is None:
        return None
    *columns, mark = row
    return record_from_row(columns) if mark is None else Tombstone(request_id, str(mark))


def _cursor(record: MessageRecord) -> str:
    return f"{rfc3339(record.message.received_at)} {record.request_id}"


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
