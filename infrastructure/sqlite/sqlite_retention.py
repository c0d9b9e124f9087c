"""What SQLite keeps of messages, and how it is erased."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from application.ports.retention import RetainedPage
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.erasure import RetainedMessage
from domain.outbox import MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.message_json import inbound_from_json
from infrastructure.sqlite.database import SqliteDatabase

_PAGE_SIZE = 100
_ERASED = MessageState.ERASED.value

# Of messages and of imported entries the same columns, in one order: a page of both.
_RETAINED = f"""
    SELECT timestamp, gate_key AS key, conversation_id, primary_channel, request_id, state, inbound
    FROM messages WHERE state <> '{_ERASED}' AND {{place}}
    UNION ALL
    SELECT timestamp, imported_key, conversation_id, primary_channel, NULL, NULL, NULL
    FROM imported_messages WHERE {{entry_place}}
    ORDER BY timestamp, key LIMIT :limit
"""  # noqa: S608 - our own names
_LATER = "(timestamp, {key}) > (:after, :after_key) AND timestamp < :before"
_LIST = _RETAINED.format(
    place=_LATER.format(key="gate_key"), entry_place=_LATER.format(key="imported_key")
)
_OF = f"conversation_id = :id AND primary_channel = :channel AND {_LATER}"
_LIST_OF = _RETAINED.format(
    place=_OF.format(key="gate_key"), entry_place=_OF.format(key="imported_key")
)
_ERASE = f"""
    UPDATE messages
    SET state = '{_ERASED}', content = '', message_id = '', inbound = '', author_mark = :mark,
        conversation_id = NULL, primary_channel = NULL
    WHERE gate_key = :key AND state <> '{_ERASED}'
"""  # noqa: S608
_ERASE_ENTRY = "DELETE FROM imported_messages WHERE imported_key = :key"
_IS_ERASED = f"SELECT 1 FROM messages WHERE gate_key = ? AND state = '{_ERASED}'"  # noqa: S608

_EVER = "~"
"""Greater than every time."""


class SqliteRetention:
    """The part of the message store that lists and erases."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def page(self, limit: int, after: str | None, before: datetime | None) -> RetainedPage:
        """See ``MessageStore.list_retained``. The position is a time and a key."""
        rows = self._rows(_LIST, limit, after, rfc3339(before) if before else _EVER)
        return RetainedPage(tuple(map(_retained, rows)), _position(rows, limit))

    def of_conversation(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        """See ``MessageStore.list_retained_in``."""
        after: str | None = ""
        owner = {"id": key.conversation_id, "channel": key.primary_channel}
        while after is not None:
            rows = self._rows(_LIST_OF, _PAGE_SIZE, after, _EVER, **owner)
            yield from map(_retained, rows)
            after = _position(rows, _PAGE_SIZE)

    def erase(self, retained: RetainedMessage) -> bool:
        """See ``MessageStore.erase``."""
        statement = _ERASE_ENTRY if retained.is_imported else _ERASE
        with self._database.write() as connection:
            values = {"key": retained.key, "mark": retained.author_mark}
            return connection.execute(statement, values).rowcount == 1

    def is_erased(self, gate_key: str) -> bool:
        """See ``MessageStore.is_erased``."""
        with self._database.read() as connection:
            return connection.execute(_IS_ERASED, (gate_key,)).fetchone() is not None

    def _rows(
        self, statement: str, limit: int, after: str | None, before: str, **owner: str
    ) -> list[sqlite3.Row]:
        moment, _, key = (after or "").partition(" ")
        values = {"limit": limit, "after": moment, "after_key": key, "before": before, **owner}
        with self._database.read() as connection:
            return connection.execute(statement, values).fetchall()


def _position(rows: Sequence[Sequence[Any]], limit: int) -> str | None:
    return f"{rows[-1][0]} {rows[-1][1]}" if len(rows) == limit else None


def _retained(row: Sequence[Any]) -> RetainedMessage:
    timestamp, key, conversation_id, channel, request_id, state, inbound = row
    return RetainedMessage(
        key=key,
        timestamp=parse_rfc3339(timestamp),
        conversation=(
            ConversationKey(conversation_id, ChannelType(channel)) if conversation_id else None
        ),
        request_id=request_id,
        state=MessageState(state) if state else None,
        message=replace(inbound_from_json(inbound, ""), metadata={}) if inbound else None,
    )
