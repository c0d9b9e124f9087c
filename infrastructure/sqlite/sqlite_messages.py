"""Messages in SQLite, under their request ids, and the outbox of those that are pending."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox
from application.ports.pages import Page
from domain.channels import ChannelType
from domain.erasure import Tombstone
from domain.history import ConversationKey, Message
from domain.outbox import MessageRecord, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import (
    inbound_from_json,
    inbound_to_json,
    messages_from_json,
)
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

_READ_COLUMNS = (
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
    SELECT {_READ_COLUMNS}, author_mark FROM messages WHERE request_id = ?
"""  # noqa: S608 - our own names
_ASSIGN = f"""
    UPDATE messages
    SET conversation_id = :new_id, primary_channel = :new_channel, state = :state
    WHERE request_id = :request_id
      AND state NOT IN ('{MessageState.QUEUED}', '{MessageState.ERASED}')
      AND conversation_id IS :old_id AND primary_channel IS :old_channel
"""  # noqa: S608
_HISTORY = f"""
    SELECT {_READ_COLUMNS} FROM messages
    WHERE conversation_id = :id AND primary_channel = :channel AND timestamp > :after
    ORDER BY timestamp DESC, rowid DESC LIMIT :limit
"""  # noqa: S608
_IMPORTED = """
    SELECT entry FROM imported_messages
    WHERE conversation_id = :id AND primary_channel = :channel AND timestamp > :after
    ORDER BY timestamp DESC, rowid DESC LIMIT :limit
"""
_UNMATCHED = f"""
    SELECT {_READ_COLUMNS} FROM messages
    WHERE state = '{MessageState.UNMATCHED}' AND (timestamp, request_id) > (:moment, :request_id)
    ORDER BY timestamp, request_id LIMIT :limit
"""  # noqa: S608
_STUCK = f"""
    SELECT {_READ_COLUMNS} FROM messages
    WHERE state = '{MessageState.PENDING}' AND due_at <= :now ORDER BY due_at LIMIT :limit
"""  # noqa: S608
_CHANGE_PENDING = f"""
    UPDATE messages
    SET state = :state, lease_until = :lease_until, attempts = :attempts, due_at = :due_at
    WHERE request_id = :request_id AND state = '{MessageState.PENDING}' AND lease_until IS :seen
"""  # noqa: S608
_RETRY = f"""
    UPDATE messages
    SET state = '{MessageState.PENDING}', lease_until = NULL, attempts = 0, due_at = recorded_at
    WHERE request_id = :request_id AND state = '{MessageState.UNDELIVERABLE}'
"""  # noqa: S608
_MARK_QUEUED = f"""
    UPDATE messages SET state = '{MessageState.QUEUED}', queued_at = :queued_at
    WHERE request_id = :request_id AND state = '{MessageState.PENDING}'
"""  # noqa: S608
_IS_ERASED = f"""
    SELECT 1 FROM messages WHERE request_id = ? AND state = '{MessageState.ERASED}'
"""  # noqa: S608


class SqliteMessageStore(MessageStore):
    """Messages as rows; the request id is the primary key."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        row = _record_to_row(record)
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
        old_id, old_channel = _key_columns(record.conversation)
        new_id, new_channel = _key_columns(conversation)
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
            "after": _time_column(after) or "",
            "limit": limit,
        }
        with self._database.read() as connection:
            rows = connection.execute(_HISTORY, wanted).fetchall()
        with self._database.read() as connection:
            entries = connection.execute(_IMPORTED, wanted).fetchall()
        latest = [entry for (text,) in reversed(entries) for entry in messages_from_json(text)]
        latest += [_record_from_row(row).message.in_history() for row in reversed(rows)]
        latest.sort(key=lambda message: message.timestamp)
        return tuple(latest[max(len(latest) - limit, 0) :])

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        moment, _, request_id = (after or "").partition(" ")
        values = {"limit": limit, "moment": moment, "request_id": request_id}
        with self._database.read() as connection:
            rows = connection.execute(_UNMATCHED, values).fetchall()
        records = tuple(map(_record_from_row, rows))
        return Page(records, _cursor(records[-1]) if 0 < len(rows) == limit else None)


class SqliteOutbox(Outbox):
    """The pending rows of the messages table."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        with self._database.read() as connection:
            wanted = {"now": rfc3339(now), "limit": limit}
            rows = connection.execute(_STUCK, wanted).fetchall()
        return tuple(map(_record_from_row, rows))

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        return self._change_pending(record, record.leased(now))

    @override
    def mark_queued(self, request_id: str, queued_at: datetime) -> bool:
        if self._change(_MARK_QUEUED, request_id=request_id, queued_at=rfc3339(queued_at)):
            return True
        with self._database.read() as connection:
            return connection.execute(_IS_ERASED, (request_id,)).fetchone() is None

    @override
    def give_up(self, record: MessageRecord) -> bool:
        return self._change_pending(record, replace(record, state=MessageState.UNDELIVERABLE))

    @override
    def retry(self, request_id: str) -> bool:
        return self._change(_RETRY, request_id=request_id)

    def _change_pending(self, seen: MessageRecord, wanted: MessageRecord) -> bool:
        return self._change(
            _CHANGE_PENDING,
            request_id=seen.request_id,
            seen=_time_column(seen.lease_until),
            state=wanted.state,
            lease_until=_time_column(wanted.lease_until),
            attempts=wanted.attempts,
            due_at=rfc3339(wanted.due_at),
        )

    def _change(self, statement: str, **values: str | int | None) -> bool:
        """Run a conditional statement; whether its condition held."""
        with self._database.write() as connection:
            return connection.execute(statement, values).rowcount == 1


def _found(connection: sqlite3.Connection, request_id: str) -> MessageRecord | Tombstone | None:
    row = connection.execute(_SELECT, (request_id,)).fetchone()
    if row is None:
        return None
    *columns, mark = row
    return _record_from_row(columns) if mark is None else Tombstone(request_id, str(mark))


def _cursor(record: MessageRecord) -> str:
    return f"{rfc3339(record.message.received_at)} {record.request_id}"


def _key_columns(key: ConversationKey | None) -> tuple[str | None, str | None]:
    return (key.conversation_id, key.primary_channel) if key else (None, None)


def _time_column(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _record_to_row(record: MessageRecord) -> dict[str, str | int | None]:
    """The values of all columns but ``author_mark``, by their names."""
    entry = record.message.in_history()
    conversation_id, primary_channel = _key_columns(record.conversation)
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
        "lease_until": _time_column(record.lease_until),
        "queued_at": _time_column(record.queued_at),
        "attempts": record.attempts,
        "due_at": rfc3339(record.due_at),
        "inbound": inbound_to_json(record.message),
    }


def _record_from_row(row: Sequence[Any]) -> MessageRecord:
    """The record of a row of ``_READ_COLUMNS``."""
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
