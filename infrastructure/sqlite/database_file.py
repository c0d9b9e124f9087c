"""The file of a SQLite database: its mark, and its write-ahead log."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from domain.errors import OldFormError, StorageUnavailableError

APPLICATION_ID = int.from_bytes(b"FrDk")
"""Marks Frontdesk's files in their header: https://www.sqlite.org/pragma.html#pragma_application_id"""


class WriteLockHeldError(StorageUnavailableError):
    """Another process holds the write lock of the file for too long. Nothing was written."""


def has_other_form(path: Path) -> bool:
    """Whether the file at ``path`` has content without our mark. It is not changed or locked.

    ``False`` also where SQLite cannot tell, as after a crash within a checkpoint:
    ``prepare_file`` looks again.
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    # Immutable: SQLite makes no log beside the file, and takes no lock. Reading the header
    # without SQLite would drop the locks that this process holds on the file (POSIX).
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return _pragma(connection, "application_id") != APPLICATION_ID
    except sqlite3.Error:
        return False


def prepare_file(connection: sqlite3.Connection, path: Path, timeout_seconds: float) -> None:
    """Mark an empty file as ours, and switch it to a write-ahead log, once for ever.

    Raises ``OldFormError`` for a file without our mark, ``StorageUnavailableError`` if it stays
    locked or cannot have such a log.
    """
    deadline = time.monotonic() + timeout_seconds
    # The engine does not wait at these statements when several processes start at once.
    while (mode := _try_to_prepare(connection, path)) is None:
        if time.monotonic() > deadline:
            raise write_lock_held(path)
        time.sleep(0.01)
    if mode != "wal":
        text = "this file system cannot hold a write-ahead log"
        raise StorageUnavailableError(text, needs_operator=True)


def other_form(path: Path) -> OldFormError:
    """What is wrong with a file without our mark."""
    return OldFormError(
        f"{path.name} has the form of an unreleased version of Frontdesk, or is another "
        f"program's: move {path.parent} away, and a new one is made"
    )


def write_lock_held(path: Path) -> WriteLockHeldError:
    """What to do about it. The spool keeps little of a reason: cause and remedy come first."""
    from infrastructure.sqlite.lock_holder import lock_holder  # seldom needed

    if holder := lock_holder(path):
        return WriteLockHeldError(f"{holder} locks {path.name}: end it, or its transaction")
    return WriteLockHeldError(
        f"another process holds the write lock of {path.name}: end it, for example a database "
        f"tool in a transaction; 'lsof {path}' lists the processes that have it open: leave "
        f"'frontdesk serve' and its workers"
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock."""
    return _code(error) == sqlite3.SQLITE_BUSY


_UNFIT = frozenset(
    {
        sqlite3.SQLITE_ERROR,  # a table that is missing
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOTADB,
    }
)
"""https://www.sqlite.org/rescode.html; a lock and a full disk are not among them."""


def is_unfit(error: sqlite3.Error) -> bool:
    """Whether only an operator can help."""
    return _code(error) in _UNFIT


def _code(error: sqlite3.Error) -> int:
    """Without its extended part. The module's own errors have none."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def _try_to_prepare(connection: sqlite3.Connection, path: Path) -> str | None:
    try:
        # Before the log, so that the mark is in the file itself and not in its log.
        if _pragma(connection, "page_count") == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        elif _pragma(connection, "application_id") != APPLICATION_ID:
            raise other_form(path)
        return str(_pragma(connection, "journal_mode = WAL"))
    except sqlite3.OperationalError as error:
        if is_busy(error):
            return None
        raise


def _pragma(connection: sqlite3.Connection, text: str) -> int | str:
    value: int | str = connection.execute(f"PRAGMA {text}").fetchone()[0]
    return value
