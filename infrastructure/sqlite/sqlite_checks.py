"""Is a database file as it should be? Nothing is created or changed."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from sqlite3 import sqlite_version

from application.ports.checks import CheckResult, check_results
from domain.errors import WebhookHandlerError
from infrastructure.sqlite.database import SqliteDatabase

_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
_DURABLE = frozenset({"FULL", "EXTRA"})


def check_database(path: Path, schema_version: int) -> Iterator[CheckResult]:
    """What a database file is like; nothing without a data directory, which has its own check."""
    if path.parent.is_dir():
        state = f"SQLite {sqlite_version}" if path.exists() else "will be made at the start"
        find_problems = partial(database_problems, path, schema_version)
        yield from check_results("database", f"{path}, {state}", find_problems)


def database_problems(path: Path, schema_version: int) -> tuple[str, ...]:
    """What is wrong with a database file; empty if nothing is, or if it is not made yet.

    An older schema than ``schema_version`` is in order: the next start brings it up.
    """
    if not path.exists():
        return ()
    try:
        database = SqliteDatabase(path)
    except WebhookHandlerError as error:
        return (f"{path}: {error}",)
    try:
        return tuple(f"{path}: {problem}" for problem in _problems(database, schema_version))
    except WebhookHandlerError as error:
        return (f"{path}: {error}",)
    finally:
        database.close()


def _problems(database: SqliteDatabase, schema_version: int) -> Iterator[str]:
    with database.read() as connection:
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "journal_mode", "synchronous")
        }
    if found["user_version"] > schema_version:
        yield (
            f"schema version {found['user_version']}, expected at most {schema_version}: "
            "a newer Frontdesk wrote it"
        )
    if found["journal_mode"] != "wal":
        yield f"journal mode {found['journal_mode']}, expected wal"
    synchronous = _SYNCHRONOUS[found["synchronous"]]
    if synchronous not in _DURABLE:
        yield f"synchronous is {synchronous}, expected FULL: a power failure would lose messages"
