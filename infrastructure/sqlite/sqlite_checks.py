"""Is a database file as it should be, and can it be written? Nothing is created or changed."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import sqlite_version

from application.ports.checks import CheckResult, CheckStatus, Unreported, check_results
from domain.errors import WebhookHandlerError
from infrastructure.sqlite.database import RewriteAnnouncedError, SqliteDatabase
from infrastructure.sqlite.database_file import WriteLockHeldError

_LOCK_SECONDS = 1.0
"""How long the write lock is waited for. A commit of Frontdesk holds it for milliseconds."""


def check_database(path: Path, schema_version: int) -> Iterator[CheckResult]:
    """What a database file is like. One that is not there may be where nobody has looked."""
    if not path.exists():
        text = (
            f"there is no data in {path.parent}: is DATA_DIR right? A server makes the database "
            "at its start"
        )
        yield CheckResult("database", CheckStatus.WARNING, text)
        return
    find_problems = partial(database_problems, path, schema_version)
    in_order = f"{path}, SQLite {sqlite_version}: its stores and queues can be written"
    yield from check_results("database", in_order, find_problems)


def database_problems(path: Path, schema_version: int) -> tuple[str, ...]:
    """What is wrong with a database file; empty if nothing is, or if it is not made yet.

    An older schema than ``schema_version`` is in order: the next start brings it up.
    """
    if not path.exists():
        return ()
    try:
        with closing(SqliteDatabase(path, busy_timeout_seconds=_LOCK_SECONDS)) as database:
            found = database.schema_version()
            if found <= schema_version:
                return _lock_problems(path, database)
    except WebhookHandlerError as error:
        return (f"{path}: {error}",)
    expected = f"expected at most {schema_version}: a newer Frontdesk wrote it"
    return (f"{path}: schema version {found}, {expected}",)


def _lock_problems(path: Path, database: SqliteDatabase) -> tuple[str, ...]:
    """Takes the write lock and gives it back: reading works while another process holds it."""
    try:
        with database.write(for_many=True):
            return ()
    except RewriteAnnouncedError:
        return (Unreported(f"{path}: an erasure rewrites it, and nothing is recorded meanwhile"),)
    except WriteLockHeldError as error:
        return (f"nothing is recorded, and webhooks wait in the spool: {error}",)
