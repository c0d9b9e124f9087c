"""The SQLite handle: settings of every connection, migrations, errors."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from domain.errors import StorageRefusedError, StorageUnavailableError
from infrastructure.sqlite.database import SchemaTooNewError, SqliteDatabase
from tests.contracts.concurrency import at_once

FIRST = ("CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT",)
SECOND = (
    "CREATE TABLE texts (text TEXT PRIMARY KEY) STRICT",
    "INSERT INTO texts SELECT number FROM numbers",
)
BROKEN = ("CREATE TABLE halves (half INTEGER) STRICT", "CREATE NONSENSE")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "test.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(path, busy_timeout_seconds=0.05, turn_timeout_seconds=0.05)
    database.migrate([FIRST])
    yield database
    database.close()


def insert(database: SqliteDatabase, number: int) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def numbers(database: SqliteDatabase) -> list[int]:
    with database.read() as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers")]


def tables(database: SqliteDatabase) -> set[str]:
    with database.read() as connection:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {name for (name,) in rows}


class TestConnections:
    """Every connection has the settings that durability depends on."""

    @pytest.mark.parametrize(
        ("pragma", "value"),
        [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 2000)],
    )
    def test_every_connection_has_the_settings_for_durability(
        self, path: Path, pragma: str, value: object
    ) -> None:
        with (
            closing(SqliteDatabase(path)) as database,
            database.read() as one,
            database.read() as other,
            database.write() as writer,
        ):
            connections = (one, other, writer)
            found = [c.execute(f"PRAGMA {pragma}").fetchone()[0] for c in connections]
        assert found == [value] * 3

    def test_database_files_and_directory_are_private(
        self, database: SqliteDatabase, path: Path
    ) -> None:
        insert(database, 1)
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert files == {"test.db": 0o600, "test.db-wal": 0o600, "test.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_database_path_may_have_any_characters(self, tmp_path: Path) -> None:
        odd = tmp_path / "what? a #1 %20 'name'.db"
        with closing(SqliteDatabase(odd)) as database:
            database.migrate([FIRST])
        assert odd.stat().st_size > 0

    def test_concurrent_threads_write_without_losing_a_row(self, path: Path) -> None:
        with closing(SqliteDatabase(path)) as database:
            database.migrate([FIRST])
            at_once(partial(insert, database, number) for number in range(64))
            assert sorted(numbers(database)) == list(range(64))

    def test_reader_does_not_wait_for_a_writer(self, database: SqliteDatabase) -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO numbers VALUES (1)")
            assert numbers(database) == []
        assert numbers(database) == [1]

    def test_exception_rolls_the_transaction_back(self, database: SqliteDatabase) -> None:
        def fail_halfway() -> None:
            with database.write() as connection:
                connection.execute("INSERT INTO numbers VALUES (1)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_halfway()
        assert numbers(database) == []
        insert(database, 2)
        assert numbers(database) == [2]

    def test_closed_database_refuses_reads_and_writes(self, database: SqliteDatabase) -> None:
        database.close()
        database.close()
        with pytest.raises(StorageUnavailableError, match="closed"):
            numbers(database)
        with pytest.raises(StorageUnavailableError, match="closed"):
            insert(database, 1)

    def test_active_reader_is_closed_when_it_ends(self, database: SqliteDatabase) -> None:
        with database.read() as connection:
            database.close()
            connection.execute("SELECT 1")
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")


class TestMigrations:
    """The schema has a version, and migrations only raise it."""

    def test_migrations_are_applied_in_order(self, database: SqliteDatabase) -> None:
        insert(database, 7)
        database.migrate([FIRST, SECOND])
        with database.read() as connection:
            assert connection.execute("SELECT text FROM texts").fetchall() == [("7",)]

    def test_each_migration_is_applied_once(self, database: SqliteDatabase) -> None:
        insert(database, 7)
        database.migrate([FIRST])
        assert numbers(database) == [7]

    def test_concurrent_threads_apply_the_migrations_once(self, path: Path) -> None:
        databases = [SqliteDatabase(path) for _ in range(8)]
        at_once(partial(database.migrate, [FIRST, SECOND]) for database in databases)
        assert tables(databases[0]) == {"numbers", "texts"}
        for database in databases:
            database.close()

    def test_failed_migration_leaves_the_version_before_it(self, database: SqliteDatabase) -> None:
        with pytest.raises(StorageUnavailableError):
            database.migrate([FIRST, BROKEN])
        assert tables(database) == {"numbers"}
        database.migrate([FIRST, SECOND])
        assert tables(database) == {"numbers", "texts"}

    def test_file_of_a_newer_schema_version_is_refused(self, database: SqliteDatabase) -> None:
        database.migrate([FIRST, SECOND])
        with pytest.raises(SchemaTooNewError, match=r"test\.db has schema version 2.*knows 1"):
            database.migrate([FIRST])


class TestErrors:
    """Every error of SQLite becomes an error of the domain with SQLite's as its cause."""

    def assert_write_fails(self, database: SqliteDatabase, code: int) -> None:
        with pytest.raises(StorageUnavailableError) as caught:
            insert(database, 1)
        cause = caught.value.__cause__
        assert isinstance(cause, sqlite3.Error)
        assert cause.sqlite_errorcode == code

    def test_file_locked_by_another_process_is_unavailable_until_released(
        self, database: SqliteDatabase, path: Path
    ) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assert_write_fails(database, sqlite3.SQLITE_BUSY)
        insert(database, 1)
        assert numbers(database) == [1]

    def test_write_fails_when_another_thread_holds_its_turn_too_long(
        self, database: SqliteDatabase
    ) -> None:
        began, ended = Event(), Event()

        def hold() -> None:
            with database.write():
                began.set()
                ended.wait(timeout=30)

        holder = Thread(target=hold)
        holder.start()
        began.wait(timeout=30)
        with pytest.raises(StorageUnavailableError, match="too many writers"):
            insert(database, 1)
        ended.set()
        holder.join()
        insert(database, 1)

    def test_full_disk_fails_the_write_and_rolls_it_back(self, database: SqliteDatabase) -> None:
        with database.write() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageUnavailableError) as caught, database.write() as connection:
            connection.executemany("INSERT INTO numbers VALUES (?)", ((n,) for n in range(9999)))
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert caught.value.__cause__.sqlite_errorcode == sqlite3.SQLITE_FULL
        assert numbers(database) == []

    def test_read_only_file_fails_the_write(self, database: SqliteDatabase) -> None:
        with database.write() as connection:
            connection.execute("PRAGMA query_only = ON")
        self.assert_write_fails(database, sqlite3.SQLITE_READONLY)

    def test_file_that_is_not_a_database_is_unavailable_storage(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"something else entirely" * 100)
        with pytest.raises(StorageUnavailableError):
            SqliteDatabase(path)

    def test_directory_that_cannot_be_created_is_unavailable_storage(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_bytes(b"a file is in the way")
        with pytest.raises(StorageUnavailableError) as caught:
            SqliteDatabase(tmp_path / "data" / "test.db")
        assert isinstance(caught.value.__cause__, OSError)
        assert "Errno" not in str(caught.value)

    def test_row_that_breaks_a_constraint_is_refused_permanently(
        self, database: SqliteDatabase
    ) -> None:
        insert(database, 1)
        with pytest.raises(StorageRefusedError, match="UNIQUE"):
            insert(database, 1)
        assert numbers(database) == [1]

    def test_file_locked_during_creation_is_unavailable_storage(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageUnavailableError, match=f"write lock of {path.name}: end it"):
                SqliteDatabase(path, busy_timeout_seconds=0.05)


class TestRewriting:
    """A rewrite removes deleted content from the files."""

    @pytest.fixture
    def emptied(self, database: SqliteDatabase) -> SqliteDatabase:
        """A database with a deleted secret text whose page was not overwritten."""
        with database.write() as connection:
            connection.execute("PRAGMA secure_delete = OFF")
            connection.execute("CREATE TABLE notes (note TEXT)")
            connection.execute("INSERT INTO notes VALUES ('a secret text')")
        with database.write() as connection:
            connection.execute("DELETE FROM notes")
        return database

    def contents(self, path: Path) -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

    def test_deleted_text_is_in_the_files_without_a_rewrite(
        self, emptied: SqliteDatabase, path: Path
    ) -> None:
        assert b"a secret text" in self.contents(path)

    def test_rewrite_removes_deleted_text_from_file_and_log(
        self, emptied: SqliteDatabase, path: Path
    ) -> None:
        emptied.rewrite()
        assert b"a secret text" not in self.contents(path)
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0

    def test_rewrite_succeeds_beside_idle_readers(
        self, emptied: SqliteDatabase, path: Path
    ) -> None:
        assert numbers(emptied) == []
        emptied.rewrite()
        insert(emptied, 1)
        assert numbers(emptied) == [1]

    def test_rewrite_fails_while_a_reader_is_active(
        self, emptied: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("infrastructure.sqlite.database._REWRITE_SECONDS", 0.2)
        with emptied.read() as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT * FROM notes").fetchall()
            with pytest.raises(StorageUnavailableError, match="its log stays"):
                emptied.rewrite()
            connection.execute("COMMIT")
        emptied.rewrite()
