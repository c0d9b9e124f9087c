"""The checks of the embedded storage report its problems."""

from pathlib import Path

import pytest

from infrastructure.sqlite import database as sqlite
from infrastructure.sqlite import database_file
from infrastructure.sqlite.database import SqliteDatabase
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
