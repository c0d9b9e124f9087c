"""The stores in SQLite are used by several processes, and by one that is killed."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from infrastructure.filesystem.blob_files import FileBlobStore
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore
from tests.builders import KEY, a_record, an_inbound_message
from tests.killed_process import kill_at_work

PROCESSES = 3
MESSAGES = 40
BODY = "a text over several pages " * 1000


def record_all(path: Path) -> int:
    """Record every message as one of several processes; return how many were new."""
    database = SqliteDatabase(path)
    store = SqliteMessageStore(database)
    created = 0
    for number in range(MESSAGES):
        record = a_record(an_inbound_message(message_id=f"SM{number}"))
        created += store.record(record) is None
    database.close()
    return created


def test_several_processes_record_each_message_once(path: Path) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        created = sum(processes.map(record_all, [path] * PROCESSES))
    database = SqliteDatabase(path)
    history = SqliteMessageStore(database).history(KEY)
    database.close()
    assert (created, len(history)) == (MESSAGES, MESSAGES)


def write_messages_for_ever(directory: Path) -> None:
    """Record message after message, and print the number of each that is durable."""
    store = SqliteMessageStore(SqliteDatabase(directory / "frontdesk.db"))
    number = 0
    while True:
        message = an_inbound_message(message_id=f"SM{number}", body=BODY)
        store.record(a_record(message))
        print(number, flush=True)  # noqa: T201 - the parent process waits for it
        number += 1


def write_blobs_for_ever(directory: Path) -> None:
    """Store blob after blob, and print the number of each that is durable."""
    blobs = FileBlobStore(directory)
    number = 0
    while True:
        blobs.put(f"blob-{number}", BODY.encode())
        print(number, flush=True)  # noqa: T201 - the parent process waits for it
        number += 1


def test_message_is_whole_or_absent_after_a_kill(tmp_path: Path) -> None:
    directory = tmp_path / "killed"
    directory.mkdir()
    last = kill_at_work(write_messages_for_ever, directory)
    database = SqliteDatabase(directory / "frontdesk.db")
    history = SqliteMessageStore(database).history(KEY, limit=1_000_000)
    with database.read() as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()
    database.close()
    assert integrity == ("ok",)
    assert len(history) in (last + 1, last + 2)
    assert {message.content for message in history} == {BODY}


def test_blob_is_whole_or_absent_after_a_kill(tmp_path: Path) -> None:
    directory = tmp_path / "killed"
    directory.mkdir()
    last = kill_at_work(write_blobs_for_ever, directory)
    contents = [path.read_text() for path in directory.glob("blob-*")]
    assert len(contents) in (last + 1, last + 2)
    assert set(contents) == {BODY}
