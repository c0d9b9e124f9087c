"""What SQLite keeps of messages, how it is erased, and the import of older histories."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.history_import import HistoryImport
from application.ports.pages import PAGE_SIZE, Page, read_cursor, write_cursor
from application.ports.retention import Retention
from domain.channels import ChannelType
from domain.conversations import Conversation, Message, imported_key
from domain.erasure import RetainedMessage
from domain.messages import ConversationKey, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import inbound_from_json, messages_to_json
from infrastructure.sqlite.sqlite_conversations import (
    COLUMNS,
    THIS_ONE,
    conversation_from_row,
    find_conversations,
)
from infrastructure.sqlite.sqlite_messages import key_of_columns
from infrastructure.sqlite.sqlite_schema import EVER, SqliteAdapter

# Of messages and of imported entries the same columns, in one order: a page of both.
_RETAINED = """
    SELECT timestamp, request_id AS key, conversation_id, primary_channel, state, inbound
    FROM messages
    WHERE state <> 'erased' AND (timestamp, request_id) > (:after, :after_key) {condition}
    UNION ALL
    SELECT timestamp, imported_key, conversation_id, primary_channel, NULL, NULL
    FROM imported_messages WHERE (timestamp, imported_key) > (:after, :after_key) {condition}
    ORDER BY timestamp, key LIMIT :limit
"""
_LIST = _RETAINED.format(condition="AND timestamp < :before")
_LIST_OF = _RETAINED.format(condition=f"AND {THIS_ONE}")
_ERASE = """
    UPDATE messages
    SET state = 'erased', content = '', message_id = '', inbound = '',
        conversation_id = NULL, primary_channel = NULL, trail = NULL
    WHERE request_id = :key AND state <> 'erased'
"""
_ERASE_ENTRY = "DELETE FROM imported_messages WHERE imported_key = :key"
# With it go its participants.
_ERASE_CONVERSATION = f"DELETE FROM conversations WHERE {THIS_ONE}"
_ERASE_LAST_MESSAGES = """
    UPDATE conversations SET last_message = '[]' WHERE rowid IN (
        SELECT rowid FROM conversations
        WHERE last_message <> '[]' AND json_extract(last_message, '$[0].timestamp') < ? LIMIT ?)
"""
_WITH_LEGACY_MESSAGES = f"""
    SELECT {COLUMNS} FROM conversations
    WHERE legacy_messages <> '[]' AND (conversation_id, primary_channel) > (:id, :channel)
    ORDER BY conversation_id, primary_channel LIMIT :limit
"""
_DELETE_LEGACY_MESSAGES = f"""
    UPDATE conversations SET legacy_messages = '[]'
    WHERE {THIS_ONE} AND legacy_messages = :legacy_messages
"""
_IMPORT = """
    INSERT INTO imported_messages VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (imported_key) DO NOTHING
"""


class SqliteRetention(SqliteAdapter, Retention):
    """Lists and erases the rows of messages, imported entries and conversations."""

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        return self._page(_LIST, limit, after, before=rfc3339(before) if before else EVER)

    @override
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        return self._page(_LIST_OF, limit, after, **asdict(key))

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        statement = _ERASE_ENTRY if retained.is_imported else _ERASE
        return self._database.change(statement, {"key": retained.key}) == 1

    @override
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        return find_conversations(self._database, channel, senders)

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        return self._database.change(_ERASE_CONVERSATION, asdict(key)) == 1

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        erased = PAGE_SIZE
        while erased == PAGE_SIZE:
            erased = self._database.change(_ERASE_LAST_MESSAGES, (rfc3339(before), PAGE_SIZE))
            yield erased

    def _page(
        self, statement: str, limit: int, after: str | None, **wanted: str
    ) -> Page[RetainedMessage]:
        """A cursor is a time and a key."""
        moment, key = read_cursor("retained", after, 2) if after is not None else ("", "")
        values = {"limit": limit, "after": moment, "after_key": key, **wanted}
        rows = self._database.rows(statement, values)
        is_full = 0 < len(rows) == limit
        cursor = write_cursor("retained", *rows[-1][:2]) if is_full else None
        return Page(tuple(map(_retained, rows)), cursor)


class SqliteHistoryImport(SqliteAdapter, HistoryImport):
    """Entries as rows of a table of their own."""

    @override
    def list_with_legacy_messages(
        self, limit: int, *, after: str | None = None
    ) -> Page[Conversation]:
        place = read_cursor("legacy messages", after, 2) if after is not None else ("", "")
        values = {"id": place[0], "channel": place[1], "limit": limit}
        rows = self._database.rows(_WITH_LEGACY_MESSAGES, values)
        records = tuple(map(conversation_from_row, rows))
        if not 0 < len(records) == limit:
            return Page(records, None)
        return Page(records, write_cursor("legacy messages", *astuple(records[-1].key)))

    @override
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        owner = (key.conversation_id, key.primary_channel)
        entry = (rfc3339(message.timestamp), messages_to_json([message]))
        return self._database.change(_IMPORT, (imported_key(key, message), *owner, *entry)) == 1

    @override
    def delete_legacy_messages(self, seen: Conversation) -> bool:
        values = {**asdict(seen.key), "legacy_messages": messages_to_json(seen.legacy_messages)}
        return self._database.change(_DELETE_LEGACY_MESSAGES, values) == 1


def _retained(row: Sequence[Any]) -> RetainedMessage:
    timestamp, key, conversation_id, channel, state, inbound = row
    return RetainedMessage(
        key=key,
        timestamp=parse_rfc3339(timestamp),
        conversation=key_of_columns(conversation_id, channel),
        state=MessageState(state) if state else None,
        message=replace(inbound_from_json(inbound, ""), metadata={}) if inbound else None,
    )
