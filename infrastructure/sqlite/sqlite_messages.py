"""Messages in SQLite, under their request ids, and the outbox of those that are pending."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.message_store import MessageStore, latest_entries
from application.ports.outbox import Outbox
from application.ports.pages import Page, read_cursor, write_cursor
from domain.channels import ChannelType
from domain.conversations import Direction, HistoryEntry, Message
from domain.erasure import Tombstone, content_marks
from domain.messages import ConversationKey, MessageRecord, MessageState
from domain.queues import QueueName
from domain.times import parse_rfc3339, rfc3339
from domain.trail import FailedAttempt, FallbackOutcome, Trail
from infrastructure.serialization.context_json import (
    inbound_from_json,
    inbound_to_json,
    messages_from_json,
)
from infrastructure.sqlite.sqlite_schema import EVER, SqliteAdapter

READ = (
    "inbound, content, conversation_id, primary_channel, state, recorded_at, lease_until, "
    "queued_at, attempts, publication, queue, trail"
)
_COLUMNS = (
    *("request_id", "conversation_id", "primary_channel", "state", "message_id", "direction"),
    *("content", "timestamp", "channel_type", "recorded_at", "lease_until", "queued_at"),
    *("attempts", "publication", "queue", "due_at", "content_marks", "inbound", "trail"),
)
_INSERT = f"""
    INSERT INTO messages ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
    ON CONFLICT (request_id) DO NOTHING
"""
_SELECT = f"SELECT {READ}, content_marks, state = 'erased' FROM messages WHERE request_id = ?"
_ASSIGN = """
    UPDATE messages SET conversation_id = ?, primary_channel = ?, state = ?
    WHERE request_id = ? AND state NOT IN ('queued', 'erased')
      AND conversation_id IS ? AND primary_channel IS ?
"""
_LATEST = """
    WHERE conversation_id = ? AND primary_channel = ? AND timestamp > ?
    ORDER BY timestamp DESC, rowid DESC LIMIT ?
"""
_HISTORY = f"SELECT {READ} FROM messages {_LATEST}"
_IMPORTED = f"SELECT entry FROM imported_messages {_LATEST}"
# The latest so many, and all others of the last one's moment.
_BEFORE = (
    "conversation_id = :conversation_id AND primary_channel = :channel AND timestamp < :before"
)
_LATEST_MOMENTS = f"""
    SELECT {{columns}} FROM {{table}} WHERE {_BEFORE} AND timestamp >= coalesce((
        SELECT timestamp FROM {{table}} WHERE {_BEFORE}
        ORDER BY timestamp DESC LIMIT 1 OFFSET :limit - 1), '')
    ORDER BY timestamp DESC, rowid DESC
"""
_ENTRIES = _LATEST_MOMENTS.format(columns=READ, table="messages")
_IMPORTED_ENTRIES = _LATEST_MOMENTS.format(columns="entry", table="imported_messages")
_UNMATCHED = f"""
    SELECT {READ} FROM messages WHERE state = 'unmatched' AND (timestamp, request_id) > (?, ?)
    ORDER BY timestamp, request_id LIMIT ?
"""
_STUCK = f"""
    SELECT {READ} FROM messages WHERE state = 'pending' AND due_at <= ? ORDER BY due_at LIMIT ?
"""
_CHANGE_PENDING = """
    UPDATE messages
    SET state = :state, lease_until = :lease_until, attempts = :attempts, due_at = :due_at
    WHERE request_id = :request_id AND state = 'pending' AND lease_until IS :seen
"""
_MOVE = """
    UPDATE messages
    SET state = :state, lease_until = :lease_until, queued_at = :queued_at, attempts = :attempts,
        due_at = :due_at, publication = :publication, queue = :queue, trail = :trail
    WHERE request_id = :request_id AND state <> 'erased' AND publication = :seen
"""
_RETRY = """
    UPDATE messages SET state = 'pending', lease_until = NULL, attempts = 0, due_at = recorded_at
    WHERE request_id = ? AND state = 'undeliverable'
"""
_MARK_QUEUED = """
    UPDATE messages SET state = 'queued', queued_at = ?, trail = coalesce(?, trail)
    WHERE request_id = ? AND state = 'pending' AND publication = ?
"""
_ADD_FALLBACK = "UPDATE messages SET trail = ? WHERE request_id = ? AND state = 'unmatched'"
_ADD_FAILURE = """
    UPDATE messages SET trail = ? WHERE request_id = ? AND state = 'pending' AND lease_until IS ?
"""
_IS_ERASED = "SELECT 1 FROM messages WHERE request_id = ? AND state = 'erased'"


class SqliteMessageStore(SqliteAdapter, MessageStore):
    """Messages as rows; the request id is the primary key."""

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        row = (*_to_row(record).values(),)  # in the order of _COLUMNS
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
        wanted = record.assigned_to(conversation)
        new, old = _key_columns(conversation), _key_columns(record.conversation)
        values = (*new, wanted.state, record.request_id, *old)
        return self._database.change(_ASSIGN, values) == 1

    @override
    def add_fallback(self, record: MessageRecord, fallback: FallbackOutcome) -> None:
        trail = replace(record.trail, fallback=fallback).to_json()
        self._database.change(_ADD_FALLBACK, (trail, record.request_id))

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        wanted = (*_key_columns(key), rfc3339(after) if after else "", limit)
        rows = self._database.rows(_HISTORY, wanted)
        entries = self._database.rows(_IMPORTED, wanted)
        latest = [entry for (text,) in reversed(entries) for entry in messages_from_json(text)]
        latest += [Message.of(record_from_row(row).message) for row in reversed(rows)]
        latest.sort(key=lambda message: message.timestamp)
        return tuple(latest[max(len(latest) - limit, 0) :])

    @override
    def list_entries(
        self, key: ConversationKey, limit: int, *, before: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        wanted = {
            **dict(zip(("conversation_id", "channel"), _key_columns(key), strict=True)),
            "before": rfc3339(before) if before else EVER,
            "limit": limit,
        }
        records = map(record_from_row, self._database.rows(_ENTRIES, wanted))
        entries = [HistoryEntry(Message.of(record.message), record) for record in records]
        for (text,) in self._database.rows(_IMPORTED_ENTRIES, wanted):
            entries += map(HistoryEntry, messages_from_json(text))
        return latest_entries(entries, limit)

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        place = read_cursor("unmatched", after, 2) if after is not None else ("", "")
        records = tuple(map(record_from_row, self._database.rows(_UNMATCHED, (*place, limit))))
        if not 0 < len(records) == limit:
            return Page(records, None)
        last = records[-1]
        place = rfc3339(last.message.received_at), last.request_id
        return Page(records, write_cursor("unmatched", *place))


class SqliteOutbox(SqliteAdapter, Outbox):
    """The pending rows of the messages table."""

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        return tuple(map(record_from_row, self._database.rows(_STUCK, (rfc3339(now), limit))))

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        return self._change_pending(record, record.leased(now))

    @override
    def add_failure(self, record: MessageRecord, failure: FailedAttempt) -> None:
        trail = replace(record.trail, failure=failure).to_json()
        values = (trail, record.request_id, _time_column(record.lease_until))
        self._database.change(_ADD_FAILURE, values)

    @override
    def mark_queued(
        self,
        request_id: str,
        queued_at: datetime,
        publication: int = 1,
        trail: Trail | None = None,
    ) -> bool:
        stored = trail.to_json() if trail else None
        values = (rfc3339(queued_at), stored, request_id, publication)
        if self._database.change(_MARK_QUEUED, values):
            return True
        return not self._database.rows(_IS_ERASED, (request_id,))

    @override
    def move(self, record: MessageRecord, queue: QueueName, now: datetime) -> bool:
        values = {**_to_row(record.moved_to(queue, now)), "seen": record.publication}
        return self._database.change(_MOVE, values) == 1

    @override
    def give_up(self, record: MessageRecord) -> bool:
        return self._change_pending(record, replace(record, state=MessageState.UNDELIVERABLE))

    @override
    def retry(self, request_id: str) -> bool:
        return self._database.change(_RETRY, (request_id,)) == 1

    def _change_pending(self, seen: MessageRecord, wanted: MessageRecord) -> bool:
        values = {**_to_row(wanted), "seen": _time_column(seen.lease_until)}
        return self._database.change(_CHANGE_PENDING, values) == 1


def _found(connection: sqlite3.Connection, request_id: str) -> MessageRecord | Tombstone | None:
    row = connection.execute(_SELECT, (request_id,)).fetchone()
    if row is None:
        return None
    *columns, marks, is_erased = row
    return Tombstone(request_id, marks) if is_erased else record_from_row(columns)


def _key_columns(key: ConversationKey | None) -> tuple[str | None, str | None]:
    return (key.conversation_id, key.primary_channel.value) if key else (None, None)


def _time_column(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _to_row(record: MessageRecord) -> dict[str, str | int | None]:
    """The values of all columns, by their names and in their order.

    Not one of an enumeration: the engine takes long to see that it is a text.
    """
    message = record.message
    conversation_id, primary_channel = _key_columns(record.conversation)
    return {
        "request_id": record.request_id,
        "conversation_id": conversation_id,
        "primary_channel": primary_channel,
        "state": record.state.value,
        "message_id": message.provider_message_id,
        "direction": Direction.INBOUND.value,
        "content": message.body,
        "timestamp": rfc3339(message.received_at),
        "channel_type": message.channel.value,
        "recorded_at": rfc3339(record.recorded_at),
        "lease_until": _time_column(record.lease_until),
        "queued_at": _time_column(record.queued_at),
        "attempts": record.attempts,
        "publication": record.publication,
        "queue": str(record.queue) if record.queue else None,
        "due_at": rfc3339(record.due_at),
        "content_marks": content_marks(record.request_id, message),
        "inbound": inbound_to_json(message),
        "trail": record.trail.to_json(),
    }


def record_from_row(row: Sequence[Any]) -> MessageRecord:
    """The record of a row of ``READ``."""
    inbound, content, conversation_id, channel, state, *progress = row
    recorded_at, lease_until, queued_at, attempts, publication, queue, trail = progress
    return MessageRecord(
        message=inbound_from_json(inbound, content),
        conversation=key_of_columns(conversation_id, channel),
        state=MessageState(state),
        recorded_at=parse_rfc3339(recorded_at),
        lease_until=parse_rfc3339(lease_until) if lease_until else None,
        queued_at=parse_rfc3339(queued_at) if queued_at else None,
        attempts=attempts,
        publication=publication,
        queue=QueueName.parse(queue) if queue else None,
        trail=Trail.from_json(trail),
    )


def key_of_columns(conversation_id: str | None, channel: str | None) -> ConversationKey | None:
    """The conversation that a row names, if any."""
    return (
        ConversationKey(conversation_id, ChannelType(channel))
        if conversation_id and channel
        else None
    )
