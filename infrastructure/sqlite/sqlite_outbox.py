"""The outbox in SQLite."""

from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports.outbox import Outbox
from domain.messages import MessageRecord, MessageState
from domain.times import rfc3339
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_messages import READ_COLUMNS, record_from_row, time_column
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

_STUCK = f"""
    SELECT {READ_COLUMNS} FROM messages
    WHERE state = '{MessageState.PENDING}' AND due_at <= :now ORDER BY due_at LIMIT :limit
"""  # noqa: S608 - our own names
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
        return tuple(map(record_from_row, rows))

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
            seen=time_column(seen.lease_until),
            state=wanted.state,
            lease_until=time_column(wanted.lease_until),
            attempts=wanted.attempts,
            due_at=rfc3339(wanted.due_at),
        )

    def _change(self, statement: str, **values: str | int | None) -> bool:
        """Run a conditional statement; whether its condition held."""
        with self._database.write() as connection:
            return connection.execute(statement, values).rowcount == 1
