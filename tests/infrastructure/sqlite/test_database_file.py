"""A database file carries Frontdesk's mark; a file without it is left as it is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import OldFormError
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.database_file import APPLICATION_ID, has_other_form, is_unfit


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def unmarked(path: Path) -> Path:
    """A file in the form of an unreleased version, of schema version 1."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE messages (gate TEXT)")
        connection.execute("PRAGMA user_version = 1")
    return path


def test_a_new_file_has_the_mark_in_its_header(database: SqliteDatabase, path: Path) -> None:
    assert not has_other_form(path)
    header = path.read_bytes()[:100]
    assert int.from_bytes(header[68:72]) == APPLICATION_ID  # fileformat2.html, section 1.3
    with database.read() as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_an_empty_file_gets_the_mark(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert not has_other_form(path)
    SqliteDatabase(path).close()
    assert not has_other_form(path)
    assert path.stat().st_size > 0


def test_a_file_without_the_mark_is_refused_and_not_touched(unmarked: Path) -> None:
    before = contents(unmarked.parent)
    with pytest.raises(OldFormError, match=r"frontdesk\.db has the form of an unreleased version"):
        SqliteDatabase(unmarked)
    assert contents(unmarked.parent) == before == {unmarked.name: unmarked.read_bytes()}


def after_a_crash_within_a_checkpoint(path: Path, *, application_id: int) -> Path:
    """A file whose header tells of more pages than it has: they are in the log still."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path.with_name("live.db"), isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE messages (content TEXT)")
        connection.execute("PRAGMA wal_checkpoint(FULL)")
        path.write_bytes(path.with_name("live.db").read_bytes()[:4096])
        log = path.with_name("live.db-wal").read_bytes()
        path.with_name(f"{path.name}-wal").write_bytes(log)
    return path


def test_a_crash_within_a_checkpoint_hides_no_old_form(path: Path) -> None:
    after_a_crash_within_a_checkpoint(path, application_id=0)
    assert not has_other_form(path)
    with pytest.raises(OldFormError):
        SqliteDatabase(path)


def test_a_file_of_ours_is_opened_after_such_a_crash(path: Path) -> None:
    after_a_crash_within_a_checkpoint(path, application_id=APPLICATION_ID)
    with closing(SqliteDatabase(path)) as database, database.read() as connection:
        assert connection.execute("SELECT * FROM messages").fetchall() == []


def test_a_file_that_was_rewritten_keeps_the_mark(database: SqliteDatabase, path: Path) -> None:
    database.migrate([("CREATE TABLE numbers (number INTEGER)",)])
    database.rewrite()
    assert not has_other_form(path)


@pytest.mark.parametrize(
    ("code", "unfit"),
    [
        (sqlite3.SQLITE_NOTADB, True),
        (sqlite3.SQLITE_CORRUPT, True),
        (sqlite3.SQLITE_READONLY_DBMOVED, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_BUSY_RECOVERY, False),
        (sqlite3.SQLITE_FULL, False),
        (sqlite3.SQLITE_IOERR_WRITE, False),
    ],
)
def test_error_of_sqlite_tells_whether_an_operator_is_needed(code: int, unfit: bool) -> None:
    error = sqlite3.OperationalError("it fails")
    assert not is_unfit(error)
    error.sqlite_errorcode = code
    assert is_unfit(error) == unfit
