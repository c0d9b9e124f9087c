"""Fills a database of Frontdesk with copies of what is in it, quickly, by SQL.

It needs one message of one of the senders. The columns are read from the database, so that a
new one needs no change here.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)"

# Half of the messages are in conversations of their own, half in those that are written to.
_CONVERSATION = "iif(n.i % 2, 'other-' || n.i, 'sms-' || (n.i / 2 % 100))"


_SPREAD = "n.i * 2654435761 % 4294967296"


def fill(path: Path, size: int) -> None:
    """Add ``size`` conversations, each with a participant, and as many pending messages.

    The pending ones are due long after this, so that no server relays them.
    """
    with closing(sqlite3.connect(path)) as database:
        # After a power failure another database is filled.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = OFF")
        # Indexes fit in it, also those whose keys come in no order.
        database.execute("PRAGMA cache_size = -500000")
        _copy(database, size, "conversations", {"conversation_id": "'other-' || n.i"})
        _copy(
            database,
            size,
            "participants",
            {"conversation_id": "'other-' || n.i", "sender": "'+1999' || n.i"},
        )
        _copy(
            database,
            size,
            "messages",
            {
                # Spread over the key's whole range, as hashes are; never twice.
                "request_id": f"printf('%08x-0000-8000-8000-%012x', {_SPREAD}, n.i)",
                "conversation_id": _CONVERSATION,
                "message_id": "'SM' || n.i",
                "state": "'pending'",
                "due_at": "'9999-01-01T00:00:00.000000Z'",
            },
        )
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")


def _copy(database: sqlite3.Connection, size: int, table: str, changed: Mapping[str, str]) -> None:
    """Rows like the first one of ``table``, with the ``changed`` columns."""
    columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
    indexes = database.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql > ''",
        (table,),
    ).fetchall()
    # An index of sorted rows is made much faster than one that grows row by row.
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    values = ", ".join(changed.get(name, f"one.{name}") for name in columns)
    database.execute(
        f"{_NUMBERS} INSERT INTO {table} ({', '.join(columns)}) SELECT {values} "
        f"FROM n, (SELECT * FROM {table} LIMIT 1) AS one",
        {"size": size},
    )
    for _, statement in indexes:
        database.execute(statement)
