"""What SQLite keeps of messages, and how it is erased."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.pages import PAGE_SIZE, Page
from application.ports.retention import Retention
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import RetainedMessage
from domain.history import ConversationKey
from domain.outbox import MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import inbound_from_json
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_conversations import (
    COLUMNS,
    THIS_ONE,
    find_conversations,
    key_values,
)
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

_ERASED = MessageState.ERASED.value

# Of messages and of imported entries the same columns, in one order: a page of both.
_RETAINED = f"""
    SELECT timestamp, request_id AS key, conversation_id, primary_channel, state, inbound
    FROM messages WHERE state <> '{_ERASED}' AND {{place}}
    UNION ALL
    SELECT timestamp, imported_key, conversation_id, primary_channel, NULL, NULL
    FROM imported_messages WHERE {{entry_place}}
    ORDER BY timestamp, key LIMIT :limit
"""  # noqa: S608 - our own names
_LATER = "(timestamp, {key}) > (:after, :after_key) AND timestamp < :before"
_LIST = _RETAINED.format(
    place=_LATER.format(key="request_id"), entry_place=_LATER.format(key="imported_key")
)
_OF = f"conversation_id = :id AND primary_channel = :channel AND {_LATER}"
_LIST_OF = _RETAINED.format(
    place=_OF.format(key="request_id"), entry_place=_OF.format(key="imported_key")
)
_ERASE = f"""
    UPDATE messages
    SET state = '{_ERASED}', content = '', message_id = '', inbound = '', author_mark = :mark,
        conversation_id = NULL, primary_channel = NULL
    WHERE request_id = :key AND state <> '{_ERASED}'
"""  # noqa: S608
_ERASE_ENTRY = "DELETE FROM imported_messages WHERE imported_key = :key"
_FIND_ALL = f"""
    SELECT {COLUMNS} FROM conversations
    WHERE primary_channel = :channel AND conversation_id IN (
        SELECT conversation_id FROM participants
        WHERE channel = :channel AND sender IN ({{senders}}))
    ORDER BY conversation_id
"""  # noqa: S608
# With it go its participants.
_ERASE_CONVERSATION = f"DELETE FROM conversations WHERE {THIS_ONE}"  # noqa: S608
_ERASE_LAST_MESSAGES = """
    UPDATE conversations SET last_message = '[]' WHERE rowid IN (
        SELECT rowid FROM conversations
        WHERE last_message <> '[]' AND json_extract(last_message, '$[0].timestamp') < ? LIMIT ?)
"""

_EVER = "~"
"""Greater than every time."""


class SqliteRetention(Retention):
    """Lists and erases the rows of messages, imported entries and conversations."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        return self._page(_LIST, limit, after, rfc3339(before) if before else _EVER)

    @override
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        owner = {"id": key.conversation_id, "channel": key.primary_channel}
        return self._page(_LIST_OF, limit, after, _EVER, **owner)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        statement = _ERASE_ENTRY if retained.is_imported else _ERASE
        with self._database.write() as connection:
            values = {"key": retained.key, "mark": retained.author_mark}
            return connection.execute(statement, values).rowcount == 1

    @override
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        return find_conversations(self._database, _FIND_ALL, channel, senders)

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        with self._database.write() as connection:
            return connection.execute(_ERASE_CONVERSATION, key_values(key)).rowcount == 1

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        erased = PAGE_SIZE
        while erased == PAGE_SIZE:
            with self._database.write() as connection:
                values = (rfc3339(before), PAGE_SIZE)
                erased = connection.execute(_ERASE_LAST_MESSAGES, values).rowcount
            yield erased

    def _page(
        self, statement: str, limit: int, after: str | None, before: str, **owner: str
    ) -> Page[RetainedMessage]:
        """A cursor is a time and a key."""
        moment, _, key = (after or "").partition(" ")
        values = {"limit": limit, "after": moment, "after_key": key, "before": before, **owner}
        with self._database.read() as connection:
            rows = connection.execute(statement, values).fetchall()
        last = f"{rows[-1][0]} {rows[-1][1]}" if 0 < len(rows) == limit else None
        return Page(tuple(map(_retained, rows)), last)


def _retained(row: Sequence[Any]) -> RetainedMessage:
    timestamp, key, conversation_id, channel, state, inbound = row
    return RetainedMessage(
        key=key,
        timestamp=parse_rfc3339(timestamp),
        conversation=(
            ConversationKey(conversation_id, ChannelType(channel)) if conversation_id else None
        ),
        state=MessageState(state) if state else None,
        message=replace(inbound_from_json(inbound, ""), metadata={}) if inbound else None,
    )
