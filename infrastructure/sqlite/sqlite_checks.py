"""Is a database file as it should be? Nothing is created or changed."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import sqlite_version

from application.ports.checks import CheckResult, CheckStatus, check_results
from domain.errors import WebhookHandlerError
from infrastructure.sqlite.database import SqliteDatabase


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
    yield from check_results("database", f"{path}, SQLite {sqlite_version}", find_problems)


def database_problems(path: Path, schema_version: int) -> tuple[str, ...]:
    """What is wrong with a database file; empty if nothing is, or if it is not made yet.

    An older schema than ``schema_version`` is in order: the next start brings it up.
    """
    if not path.exists():
        return ()
    try:
        with closing(SqliteDatabase(path)) as database:
            found = database.schema_version()
    except WebhookHandlerError as error:
        return (f"{path}: {error}",)
    if found <= schema_version:
        return ()
    expected = f"expected at most {schema_version}: a newer Frontdesk wrote it"
    return (f"{path}: schema version {found}, {expected}",)
