"""The storage on SQLite: every store over one database file."""

from application.ports.stores import Stores
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_conversations import SqliteConversationStore
from infrastructure.sqlite.sqlite_fallback_throttle import SqliteFallbackThrottle
from infrastructure.sqlite.sqlite_history_import import SqliteHistoryImport
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore
from infrastructure.sqlite.sqlite_outbox import SqliteOutbox
from infrastructure.sqlite.sqlite_retention import SqliteRetention


def sqlite_stores(database: SqliteDatabase) -> Stores:
    """All stores over one ``database``."""
    return Stores(
        SqliteConversationStore(database),
        SqliteMessageStore(database),
        SqliteOutbox(database),
        SqliteRetention(database),
        SqliteHistoryImport(database),
        SqliteFallbackThrottle(database),
    )
