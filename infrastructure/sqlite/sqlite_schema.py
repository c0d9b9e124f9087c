"""The schema of the embedded store and queues. Migrations are only ever appended.

Times are RFC 3339 texts of one width (``domain.times``), so that they compare as text.
"""

import sqlite3
from collections.abc import Sequence

from domain.erasure import content_marks
from infrastructure.serialization.context_json import inbound_from_json
from infrastructure.sqlite.statements import Migration, Statements

_FIRST: Migration = (
    """
    CREATE TABLE conversations (
        conversation_id TEXT NOT NULL,
        primary_channel TEXT NOT NULL,
        sender_id TEXT,
        recipient_id TEXT,
        conversation_status TEXT NOT NULL,
        hand_off_to_human INTEGER NOT NULL,
        thread_id TEXT,
        company_id TEXT,
        project_id TEXT,
        company_name TEXT,
        credentials_reference TEXT,
        last_user_message_at TEXT,
        last_activity_at TEXT,
        last_message TEXT NOT NULL,    -- JSON: a list of at most one message
        legacy_messages TEXT NOT NULL, -- JSON: a list of messages
        PRIMARY KEY (conversation_id, primary_channel)
    ) STRICT
    """,
    """
    CREATE INDEX conversations_with_legacy_messages
    ON conversations (conversation_id, primary_channel) WHERE legacy_messages <> '[]'
    """,
    # Every address by which a sender is known leads to the conversation.
    """
    CREATE TABLE participants (
        channel TEXT NOT NULL,
        sender TEXT NOT NULL, -- normalised
        conversation_id TEXT NOT NULL,
        PRIMARY KEY (channel, sender, conversation_id),
        FOREIGN KEY (conversation_id, channel)
            REFERENCES conversations (conversation_id, primary_channel) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX participants_of_conversation ON participants (conversation_id, channel)",
    # Messages outlive their conversation, for their keys must stay: so no foreign key to it.
    """
    CREATE TABLE messages (
        request_id TEXT NOT NULL PRIMARY KEY, -- of the message: see domain.messages
        conversation_id TEXT,
        primary_channel TEXT,
        state TEXT NOT NULL,
        message_id TEXT NOT NULL,
        direction TEXT NOT NULL,
        content TEXT NOT NULL,
        timestamp TEXT NOT NULL, -- when it was received
        channel_type TEXT NOT NULL,
        recorded_at TEXT NOT NULL,
        lease_until TEXT,
        queued_at TEXT,
        attempts INTEGER NOT NULL,
        due_at TEXT NOT NULL, -- from when on it counts as stuck: see MessageRecord.due_at
        author_mark TEXT, -- of an erased message: see domain.erasure
        inbound TEXT NOT NULL -- JSON: the message as the channel delivered it, without content
    ) STRICT
    """,
    """
    CREATE INDEX messages_of_conversation
    ON messages (conversation_id, primary_channel, timestamp) WHERE conversation_id IS NOT NULL
    """,
    "CREATE INDEX stuck_messages ON messages (due_at) WHERE state = 'pending'",
    "CREATE INDEX unmatched_messages ON messages (timestamp, request_id) WHERE state = 'unmatched'",
    "CREATE INDEX retained_messages ON messages (timestamp, request_id) WHERE state <> 'erased'",
    """
    CREATE TABLE imported_messages (
        imported_key TEXT NOT NULL PRIMARY KEY,
        conversation_id TEXT NOT NULL,
        primary_channel TEXT NOT NULL,
        timestamp TEXT NOT NULL,
        entry TEXT NOT NULL -- JSON: a list of one message
    ) STRICT
    """,
    """
    CREATE INDEX imported_messages_of_conversation
    ON imported_messages (conversation_id, primary_channel, timestamp)
    """,
    "CREATE INDEX retained_entries ON imported_messages (timestamp, imported_key)",
    """
    CREATE TABLE fallback_throttle (sender TEXT NOT NULL PRIMARY KEY, acquired_at TEXT NOT NULL)
    STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE fallback_hours (hour TEXT NOT NULL PRIMARY KEY, granted INTEGER NOT NULL)
    STRICT, WITHOUT ROWID
    """,
    # A row outlives its acknowledgement, without the context: it remembers the key.
    """
    CREATE TABLE contexts (
        sequence INTEGER PRIMARY KEY,
        queue TEXT NOT NULL,
        request_id TEXT NOT NULL,
        published_at TEXT NOT NULL,
        visible_at TEXT NOT NULL,
        receive_count INTEGER NOT NULL DEFAULT 0,
        context TEXT,
        UNIQUE (queue, request_id)
    ) STRICT
    """,
    """
    CREATE INDEX waiting_contexts ON contexts (queue, visible_at, sequence)
    WHERE context IS NOT NULL
    """,
    "CREATE INDEX contexts_of_message ON contexts (request_id) WHERE context IS NOT NULL",
)


def _mark_contents(connection: sqlite3.Connection) -> None:
    """Of what is erased already the content is gone: whatever has its id is a duplicate."""
    rows = connection.execute(
        "SELECT request_id, inbound, content FROM messages WHERE inbound > ''"
    )
    marks = [
        (content_marks(request_id, inbound_from_json(inbound, content)), request_id)
        for request_id, inbound, content in rows
    ]
    connection.executemany("UPDATE messages SET content_marks = ? WHERE request_id = ?", marks)


_MARKS_OF_CONTENT: Migration = (
    "ALTER TABLE messages RENAME COLUMN author_mark TO content_marks",
    "UPDATE messages SET content_marks = NULL",
    _mark_contents,
)
"""They tell another mail with the same id from an erased one: see domain.erasure."""


def _new_contexts(unique_key: str, publication: str) -> Migration:
    """The contexts in a new table, for SQLite cannot change a unique key. They keep their receipts.

    ``publication`` is what is in that column: an expression over the old table.
    """
    return (
        f"""
        CREATE TABLE new_contexts (
            sequence INTEGER PRIMARY KEY,
            queue TEXT NOT NULL,
            request_id TEXT NOT NULL,
            publication INTEGER NOT NULL,
            published_at TEXT NOT NULL,
            visible_at TEXT NOT NULL,
            receive_count INTEGER NOT NULL DEFAULT 0,
            context TEXT,
            UNIQUE ({unique_key})
        ) STRICT
        """,
        f"""
        INSERT INTO new_contexts
        SELECT sequence, queue, request_id, {publication}, published_at, visible_at,
            receive_count, context
        FROM contexts
        """,
        "DROP TABLE contexts",
        "ALTER TABLE new_contexts RENAME TO contexts",
        """
        CREATE INDEX waiting_contexts ON contexts (queue, visible_at, sequence)
        WHERE context IS NOT NULL
        """,
    )


# A context can be moved: the message's record says how often, and to which queue at last.
_PUBLICATIONS: Migration = (
    "ALTER TABLE messages ADD COLUMN publication INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE messages ADD COLUMN queue TEXT",
    *_new_contexts(unique_key="queue, request_id, publication", publication="1"),
    "CREATE INDEX contexts_of_message ON contexts (request_id) WHERE context IS NOT NULL",
)

# With the message first, the unique key leads to its contexts: one index less to write.
_CONTEXTS_BY_MESSAGE: Migration = _new_contexts(
    unique_key="request_id, publication, queue", publication="publication"
)

# Mail is looked up by an id that its author chose: see application.ports.message_lookup.
_TRACES: Migration = (
    "ALTER TABLE messages ADD COLUMN trail TEXT",  # JSON: see domain.trail
    """
    CREATE INDEX mail_by_message_id ON messages (message_id)
    WHERE channel_type = 'email' AND message_id <> ''
    """,
)

# The lists of conversations begin with the latest activity; what was never active comes last.
_CONVERSATIONS_BY_ACTIVITY: Migration = (
    """
    CREATE INDEX conversations_by_activity
    ON conversations (coalesce(last_activity_at, ''), conversation_id, primary_channel)
    """,
)

# It holds all that the depths of the queues are made of: no row of a long context is read.
_DEPTHS_BY_INDEX: Migration = (
    "DROP INDEX waiting_contexts",
    """
    CREATE INDEX waiting_contexts
    ON contexts (queue, visible_at, sequence, receive_count, published_at)
    WHERE context IS NOT NULL
    """,
)

MIGRATIONS: Sequence[Migration] = (
    _FIRST,
    _MARKS_OF_CONTENT,
    _PUBLICATIONS,
    _CONTEXTS_BY_MESSAGE,
    _CONVERSATIONS_BY_ACTIVITY,
    _TRACES,
    _DEPTHS_BY_INDEX,
)

EVER = "~"
"""Greater than every time."""


class SqliteAdapter:
    """Works on a database whose schema is the latest."""

    def __init__(self, database: Statements) -> None:
        self._database = database
        database.migrate(MIGRATIONS)
