"""Messages in SQLite, under their request ids."""

import sqlite3
from datetime import datetime

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.pages import Page
from domain.conversation_key import ConversationKey
from domain.erasure import Tombstone
from domain.history import Message
from domain.outbox import MessageRecord, MessageState
from domain.times import rfc3339
from infrastructure.serialization.message_json import (
    messages_from_json,
)
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_message_rows import (
    READ_COLUMNS,
    key_columns,
    record_from_row,
    record_to_row,
    time_column,
)
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

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
