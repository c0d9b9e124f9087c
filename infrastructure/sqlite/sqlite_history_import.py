"""The import of older systems' histories in SQLite."""

from typing_extensions import override

from application.ports.history_import import HistoryImport
from application.ports.pages import Page
from domain.conversations import Conversation
from domain.history import ConversationKey, Message
from domain.messages import imported_key
from domain.times import rfc3339
from infrastructure.serialization.context_json import messages_to_json
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_conversations import (
    COLUMNS,
    THIS_ONE,
    conversation_from_row,
    key_values,
)
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

_WITH_LEGACY_MESSAGES = f"""
    SELECT {COLUMNS} FROM conversations
    WHERE legacy_messages <> '[]' AND (conversation_id, primary_channel) > (:id, :channel)
    ORDER BY conversation_id, primary_channel LIMIT :limit
"""  # noqa: S608 - our own names
_DELETE_LEGACY_MESSAGES = f"""
    UPDATE conversations SET legacy_messages = '[]'
    WHERE {THIS_ONE} AND legacy_messages = :legacy_messages
"""  # noqa: S608
_IMPORT = """
    INSERT INTO imported_messages VALUES (:imported_key, :id, :channel, :timestamp, :entry)
    ON CONFLICT (imported_key) DO NOTHING
"""


class SqliteHistoryImport(HistoryImport):
    """Entries as rows of a table of their own."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    @override
    def list_with_legacy_messages(
        self, limit: int, *, after: str | None = None
    ) -> Page[Conversation]:
        channel, _, conversation_id = (after or "").partition(" ")
        values = {"id": conversation_id, "channel": channel, "limit": limit}
        with self._database.read() as connection:
            rows = connection.execute(_WITH_LEGACY_MESSAGES, values).fetchall()
        records = tuple(map(conversation_from_row, rows))
        return Page(records, _cursor(records[-1].key) if 0 < len(rows) == limit else None)

    @override
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        values = {
            "imported_key": imported_key(key, message),
            "id": key.conversation_id,
            "channel": key.primary_channel,
            "timestamp": rfc3339(message.timestamp),
            "entry": messages_to_json([message]),
        }
        with self._database.write() as connection:
            return connection.execute(_IMPORT, values).rowcount == 1

    @override
    def delete_legacy_messages(self, seen: Conversation) -> bool:
        values = {**key_values(seen.key), "legacy_messages": messages_to_json(seen.legacy_messages)}
        with self._database.write() as connection:
            return connection.execute(_DELETE_LEGACY_MESSAGES, values).rowcount == 1


def _cursor(key: ConversationKey) -> str:
    return f"{key.primary_channel} {key.conversation_id}"
