"""Messages in SQLite, under their gate keys."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.retention import RetainedPage
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey, imported_key
from domain.erasure import RetainedMessage, Tombstone
from domain.history import Message
from domain.outbox import MessageRecord, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.message_json import (
    inbound_from_json,
    inbound_to_json,
    messages_from_json,
    messages_to_json,
)
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_retention import SqliteRetention
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

_READ_COLUMNS = (
    "request_id, conversation_id, primary_channel, state, content, validated_at, recorded_at, "
    "lease_until, queued_at, attempts, inbound"
)

_INSERT = """
    INSERT INTO messages (
        gate_key, request_id, conversation_id, primary_channel, state, message_id, direction,
        content, timestamp, channel_type, validated_at, recorded_at, lease_until, queued_at,
        attempts, due_at, inbound)
    VALUES (
        :gate_key, :request_id, :conversation_id, :primary_channel, :state, :message_id,
        :direction, :content, :timestamp, :channel_type, :validated_at, :recorded_at,
        :lease_until, :queued_at, :attempts, :due_at, :inbound)
    ON CONFLICT (gate_key) DO NOTHING
"""
_SELECT = f"""
    SELECT {_READ_COLUMNS}, author_mark FROM messages WHERE gate_key = ?
"""  # noqa: S608 - our own names
_ASSIGN = f"""
    UPDATE messages
    SET conversation_id = :new_id, primary_channel = :new_channel, state = :state
    WHERE gate_key = :gate_key
      AND state NOT IN ('{MessageState.QUEUED}', '{MessageState.ERASED}')
      AND conversation_id IS :old_id AND primary_channel IS :old_channel
"""  # noqa: S608
_CHANGE_PENDING = f"""
    UPDATE messages
    SET state = :state, lease_until = :lease_until, attempts = :attempts, due_at = :due_at
    WHERE gate_key = :gate_key AND state = '{MessageState.PENDING}' AND lease_until IS :seen
"""  # noqa: S608
_RETRY = f"""
    UPDATE messages
    SET state = '{MessageState.PENDING}', lease_until = NULL, attempts = 0, due_at = recorded_at
    WHERE gate_key = :gate_key AND state = '{MessageState.UNDELIVERABLE}'
"""  # noqa: S608
_MARK_QUEUED = f"""
    UPDATE messages SET state = '{MessageState.QUEUED}', queued_at = :queued_at
    WHERE gate_key = :gate_key AND state = '{MessageState.PENDING}'
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
_IMPORT = """
    INSERT INTO imported_messages VALUES (:imported_key, :id, :channel, :timestamp, :entry)
    ON CONFLICT (imported_key) DO NOTHING
"""
_STUCK = f"""
    SELECT {_READ_COLUMNS} FROM messages
    WHERE state = '{MessageState.PENDING}' AND due_at <= :now ORDER BY due_at LIMIT :limit
"""  # noqa: S608
_UNMATCHED = f"""
    SELECT {_READ_COLUMNS} FROM messages WHERE state = '{MessageState.UNMATCHED}'
    ORDER BY timestamp, gate_key LIMIT :limit
"""  # noqa: S608
# The record of the page before may be matched by now; its gate key is there for ever.
_UNMATCHED_AFTER = f"""
    SELECT {_READ_COLUMNS} FROM messages
    WHERE state = '{MessageState.UNMATCHED}'
      AND (timestamp, gate_key) > (SELECT timestamp, gate_key FROM messages WHERE gate_key = :after)
    ORDER BY timestamp, gate_key LIMIT :limit
"""  # noqa: S608


class SqliteMessageStore(MessageStore):
    """Messages as rows; the gate is the primary key."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._retained = SqliteRetention(database)
        database.migrate(MIGRATIONS)

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        row = _to_row(record)
        with self._database.write() as connection:
            if connection.execute(_INSERT, row).rowcount == 1:
                return None
            (row,) = connection.execute(_SELECT, (record.gate_key,)).fetchall()
        *columns, mark = row
        if mark is not None:
            return Tombstone(record.gate_key, str(columns[0]), str(mark))
        return _from_row(columns)

    @override
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        old_id, old_channel = _key_columns(record.conversation)
        new_id, new_channel = _key_columns(conversation)
        return self._change(
            _ASSIGN,
            gate_key=record.gate_key,
            old_id=old_id,
            old_channel=old_channel,
            new_id=new_id,
            new_channel=new_channel,
            state=record.assigned_to(conversation).state,
        )

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        return self._change_pending(record, record.leased(now))

    @override
    def give_up(self, record: MessageRecord) -> bool:
        return self._change_pending(record, replace(record, state=MessageState.UNDELIVERABLE))

    @override
    def retry(self, gate_key: str) -> bool:
        return self._change(_RETRY, gate_key=gate_key)

    @override
    def mark_queued(self, gate_key: str, queued_at: datetime) -> bool:
        changed = self._change(_MARK_QUEUED, gate_key=gate_key, queued_at=rfc3339(queued_at))
        return changed or not self._retained.is_erased(gate_key)

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
        latest += [_from_row(row).message.in_history() for row in reversed(rows)]
        latest.sort(key=lambda message: message.timestamp)
        return tuple(latest[max(len(latest) - limit, 0) :])

    @override
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        values = {
            "imported_key": imported_key(key, message),
            "id": key.conversation_id,
            "channel": key.primary_channel,
            "timestamp": rfc3339(message.timestamp),
            "entry": messages_to_json([message]),
        }
        return self._change(_IMPORT, **values)

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        with self._database.read() as connection:
            wanted = {"now": rfc3339(now), "limit": limit}
            rows = connection.execute(_STUCK, wanted).fetchall()
        return tuple(map(_from_row, rows))

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> tuple[MessageRecord, ...]:
        statement = _UNMATCHED if after is None else _UNMATCHED_AFTER
        with self._database.read() as connection:
            rows = connection.execute(statement, {"limit": limit, "after": after}).fetchall()
        return tuple(map(_from_row, rows))

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> RetainedPage:
        return self._retained.page(limit, after, before)

    @override
    def list_retained_in(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        return self._retained.of_conversation(key)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        return self._retained.erase(retained)

    @override
    def is_erased(self, gate_key: str) -> bool:
        return self._retained.is_erased(gate_key)

    def _change_pending(self, seen: MessageRecord, wanted: MessageRecord) -> bool:
        return self._change(
            _CHANGE_PENDING,
            gate_key=seen.gate_key,
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


def _key_columns(key: ConversationKey | None) -> tuple[str | None, str | None]:
    return (key.conversation_id, key.primary_channel) if key else (None, None)


def _time_column(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _to_row(record: MessageRecord) -> dict[str, str | int | None]:
    entry = record.message.in_history()
    conversation_id, primary_channel = _key_columns(record.conversation)
    return {
        "gate_key": record.gate_key,
        "request_id": record.request_id,
        "conversation_id": conversation_id,
        "primary_channel": primary_channel,
        "state": record.state,
        "message_id": entry.message_id,
        "direction": entry.direction,
        "content": entry.content,
        "timestamp": rfc3339(entry.timestamp),
        "channel_type": entry.channel_type,
        "validated_at": rfc3339(record.validated_at),
        "recorded_at": rfc3339(record.recorded_at),
        "lease_until": _time_column(record.lease_until),
        "queued_at": _time_column(record.queued_at),
        "attempts": record.attempts,
        "due_at": rfc3339(record.due_at),
        "inbound": inbound_to_json(record.message),
    }


def _from_row(row: Sequence[Any]) -> MessageRecord:
    request_id, conversation_id, primary_channel, state, content, *times, attempts, inbound = row
    validated_at, recorded_at, lease_until, queued_at = (
        parse_rfc3339(text) if text else None for text in times
    )
    assert validated_at is not None  # noqa: S101 - NOT NULL columns
    assert recorded_at is not None  # noqa: S101
    key = (
        ConversationKey(conversation_id, ChannelType(primary_channel)) if conversation_id else None
    )
    return MessageRecord(
        request_id=request_id,
        message=inbound_from_json(inbound, content),
        conversation=key,
        validated_at=validated_at,
        state=MessageState(state),
        recorded_at=recorded_at,
        lease_until=lease_until,
        queued_at=queued_at,
        attempts=attempts,
    )
