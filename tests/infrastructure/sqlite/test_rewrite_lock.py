"""A rewrite is announced: writes fail at once, or wait for its end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from domain.errors import StorageUnavailableError
from infrastructure.sqlite import rewrite_lock
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.rewrite_lock import RewriteLock, waiting_for_rewrites

SCHEMA = (("CREATE TABLE numbers (number INTEGER) STRICT",),)
HOLD = """
import sys, time
from pathlib import Path
from infrastructure.sqlite.rewrite_lock import RewriteLock
with RewriteLock(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    with closing(SqliteDatabase(path)) as database:
        database.migrate(SCHEMA)
        yield database


@pytest.fixture
def lock(path: Path) -> RewriteLock:
    return RewriteLock(path.parent)


def insert(database: SqliteDatabase, number: int = 1) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def numbers(database: SqliteDatabase) -> list[int]:
    with database.read() as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers")]


def in_thread(work: Callable[[], None]) -> Thread:
    thread = Thread(target=work)
    thread.start()
    return thread


def test_a_write_fails_at_once_and_reading_goes_on(
    database: SqliteDatabase, lock: RewriteLock
) -> None:
    with lock.held():
        started = time.monotonic()
        with pytest.raises(StorageUnavailableError, match="an erasure rewrites the database"):
            insert(database)
        assert time.monotonic() - started < 0.5
        assert numbers(database) == []
    insert(database)
    assert numbers(database) == [1]


def test_a_write_that_waits_is_done_at_the_end(database: SqliteDatabase, lock: RewriteLock) -> None:
    def insert_patiently() -> None:
        with waiting_for_rewrites():
            insert(database)

    with lock.held():
        thread = in_thread(insert_patiently)
        thread.join(0.2)
        assert thread.is_alive()
        # The one that waits holds up no other.
        with pytest.raises(StorageUnavailableError, match="an erasure"):
            insert(database, 2)
    thread.join(30)
    assert numbers(database) == [1]


def test_a_write_that_was_not_in_time_waits_as_well(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked just before the announcement, and finds the database locked."""
    with (
        closing(SqliteDatabase(path, busy_timeout_seconds=0.05)) as late,
        closing(SqliteDatabase(path)) as other,
    ):
        late.migrate(SCHEMA)
        lock = RewriteLock(path.parent)
        is_held, looked = RewriteLock.is_held, Event()

        def look_too_early(self: RewriteLock, *, seconds: float = 0.0) -> bool:
            if looked.is_set():
                return is_held(self, seconds=seconds)
            looked.set()
            return False

        monkeypatch.setattr(RewriteLock, "is_held", look_too_early)
        with lock.held(), other.write():
            with pytest.raises(StorageUnavailableError, match="an erasure"):
                insert(late)
            looked.clear()

            def insert_patiently() -> None:
                with waiting_for_rewrites():
                    insert(late)

            thread = in_thread(insert_patiently)
            thread.join(0.3)
            assert thread.is_alive()
        thread.join(30)
        assert numbers(late) == [1]


def test_whoever_waits_does_not_wait_for_ever(
    database: SqliteDatabase, lock: RewriteLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrite_lock, "_LONGEST_SECONDS", 0.1)
    with lock.held(), waiting_for_rewrites():
        with pytest.raises(StorageUnavailableError, match="for too long"):
            insert(database)
        with pytest.raises(StorageUnavailableError, match="for too long"):
            database.rewrite()


def test_a_write_that_waits_fails_soon_when_its_process_ends(
    database: SqliteDatabase, lock: RewriteLock
) -> None:
    ends, failures = Event(), list[StorageUnavailableError]()

    def insert_patiently() -> None:
        # A consumer's context within a job's waits as the job does.
        with waiting_for_rewrites(ends.is_set), waiting_for_rewrites():
            try:
                insert(database)
            except StorageUnavailableError as error:
                failures.append(error)

    with lock.held():
        thread = in_thread(insert_patiently)
        thread.join(0.5)
        assert thread.is_alive()
        ends.set()
        thread.join(2)
        assert not thread.is_alive()
    assert str(failures[0]) == "an erasure rewrites the database, and this process ends"
    assert numbers(database) == []


def test_a_killed_process_leaves_no_lock(database: SqliteDatabase, lock: RewriteLock) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock.path.parent)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert lock.is_held()
        process.kill()
    assert not lock.is_held()
    insert(database)


def test_the_lock_file_is_private(database: SqliteDatabase, lock: RewriteLock) -> None:
    database.rewrite()
    assert lock.path.stat().st_mode & 0o777 == 0o600
    assert not lock.is_held()


def test_a_rewrite_by_root_does_not_lock_out_the_user_of_the_service(
    database: SqliteDatabase, lock: RewriteLock
) -> None:
    directory = lock.path.parent
    if os.geteuid() == 0:
        os.chown(directory, 65534, 65534)
    with lock.held():
        pass
    owner, written = directory.stat(), lock.path.stat()
    assert (written.st_uid, written.st_gid) == (owner.st_uid, owner.st_gid)
    insert(database)
