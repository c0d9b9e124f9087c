"""The checks of the embedded storage report its problems."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from application.ports.checks import Unreported
from infrastructure.sqlite import database as sqlite
from infrastructure.sqlite import database_file, sqlite_checks
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.rewrite_lock import RewriteLock
from infrastructure.sqlite.sqlite_checks import database_problems

SCHEMA = (("CREATE TABLE numbers (number INTEGER) STRICT",),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of schema version 1."""
    database = SqliteDatabase(tmp_path / "test.db")
    database.migrate(SCHEMA)
    database.close()
    return tmp_path / "test.db"


def test_missing_database_has_no_problem_and_is_not_created(tmp_path: Path) -> None:
    assert database_problems(tmp_path / "test.db", 1) == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("known", [1, 2])
def test_database_of_this_or_an_older_version_has_no_problem(path: Path, known: int) -> None:
    assert database_problems(path, known) == ()


def test_database_of_a_newer_version_is_a_problem(path: Path) -> None:
    (problem,) = database_problems(path, 0)
    assert problem == (f"{path}: schema version 1, expected at most 0: a newer Frontdesk wrote it")


def test_file_system_without_a_write_ahead_log_is_a_problem(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "_try_to_prepare", lambda *_: "delete")
    assert database_problems(path, 1) == (
        f"{path}: this file system cannot hold a write-ahead log",
    )


def test_old_sqlite_version_is_a_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "OLDEST_SQLITE", (99, 0, 0))
    (problem,) = database_problems(path, 1)
    assert problem.endswith("needs SQLite 3.37 or newer")


def test_write_lock_that_another_process_holds_is_a_problem(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checks, "_LOCK_SECONDS", 0.02)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (problem,) = database_problems(path, 1)
        other.execute("ROLLBACK")
    assert problem == (
        "nothing is recorded, and webhooks wait in the spool: another process holds the write lock "
        f"of {path.name}: end it, for example a database tool in a transaction; 'lsof {path}' "
        "lists the processes that have it open: leave 'frontdesk serve' and its workers"
    )
    assert not isinstance(problem, Unreported)
    assert database_problems(path, 1) == ()


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_process_that_holds_the_write_lock_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checks, "_LOCK_SECONDS", 0.02)
    holding = (
        "import sqlite3, sys; other = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "other.execute('BEGIN IMMEDIATE'); print(flush=True); sys.stdin.read()"
    )
    command = (sys.executable, "-c", holding, str(path))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        (problem,) = database_problems(path, 1)
        assert other.stdin
        other.stdin.close()
    holder = f"{Path(sys.executable).name} (process {other.pid})"
    assert problem.endswith(f": {holder} locks {path.name}: end it, or its transaction")


def test_rewrite_after_an_erasure_is_a_warning(path: Path) -> None:
    with RewriteLock(path.parent).held():
        (problem,) = database_problems(path, 1)
    assert isinstance(problem, Unreported)
    assert problem == f"{path}: an erasure rewrites it, and nothing is recorded meanwhile"
