"""Whether the embedded storage is as it should be."""

import shutil
from pathlib import Path

import pytest

from infrastructure.sqlite import database as sqlite
from infrastructure.sqlite import database_file
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_checks import check_database, check_directory, sync_seconds

SCHEMA = (("CREATE TABLE numbers (number INTEGER) STRICT",),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of schema version 1."""
    database = SqliteDatabase(tmp_path / "test.db")
    database.migrate(SCHEMA)
    database.close()
    return tmp_path / "test.db"


def test_a_database_that_is_not_made_yet_has_no_problem(tmp_path: Path) -> None:
    assert check_database(tmp_path / "test.db", 1) == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("known", [1, 2])
def test_a_database_of_this_version_or_an_older_one_has_no_problem(path: Path, known: int) -> None:
    assert check_database(path, known) == ()


def test_a_database_that_a_newer_version_wrote_has_one(path: Path) -> None:
    (problem,) = check_database(path, 0)
    assert problem == (f"{path}: schema version 1, expected at most 0: a newer Frontdesk wrote it")


def test_connections_that_do_not_wait_for_the_disk_are_a_problem(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("PRAGMA synchronous = NORMAL",))
    (problem,) = check_database(path, 1)
    assert "synchronous is NORMAL, expected FULL" in problem


def test_a_file_system_without_a_write_ahead_log_is_a_problem(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "_enter_wal_mode", lambda _: "delete")
    assert check_database(path, 1) == (f"{path}: this file system cannot hold a write-ahead log",)


def test_an_old_sqlite_is_a_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "OLDEST_SQLITE", (99, 0, 0))
    (problem,) = check_database(path, 1)
    assert problem.endswith("needs SQLite 3.37 or newer")


def test_a_directory_that_will_be_made_is_looked_for_above(tmp_path: Path) -> None:
    assert check_directory(tmp_path / "not" / "made" / "yet") == ()
    shutil.rmtree(tmp_path)
    tmp_path.write_text("a file")
    assert check_directory(tmp_path / "data") == (f"{tmp_path} is a file, expected a directory",)
    tmp_path.unlink()


def test_a_durable_write_takes_some_time_and_leaves_nothing(tmp_path: Path) -> None:
    assert sync_seconds(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []
