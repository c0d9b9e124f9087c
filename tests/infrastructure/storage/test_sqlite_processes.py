"""Storage in SQLite under several processes, and under one that is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from infrastructure.blobs.files import FileBlobStore
from infrastructure.sqlite import SqliteDatabase
from infrastructure.storage.sqlite_messages import SqliteMessageStore
from tests.builders import KEY, a_record, an_inbound_message

PROCESSES = 3
MESSAGES = 40
BODY = "a text over several pages " * 1000


def record_all(path: Path) -> int:
    """Record every message as one of several processes; how many of them this one created."""
    database = SqliteDatabase(path)
    store = SqliteMessageStore(database)
    created = 0
    for number in range(MESSAGES):
        record = a_record(
            an_inbound_message(message_id=f"SM{number}"), request_id=f"{os.getpid()}-{number}"
        )
        created += store.record(record) is None
    database.close()
    return created


def test_processes_that_start_at_once_record_each_message_once(path: Path) -> None:
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
        store.record(a_record(message, request_id=str(number)))
        print(number, flush=True)  # noqa: T201 - it is what the parent waits for
        number += 1


def write_blobs_for_ever(directory: Path) -> None:
    """Store blob after blob, and print the number of each that is durable."""
    blobs = FileBlobStore(directory)
    number = 0
    while True:
        blobs.put(f"blob-{number}", BODY.encode())
        print(number, flush=True)  # noqa: T201 - it is what the parent waits for
        number += 1


def kill_while_writing(writer: Callable[[Path], None], directory: Path) -> int:
    """Let a process write, kill it in the middle; the last number that it called durable."""
    code = f"from pathlib import Path; import {__name__} as m; m.{writer.__name__}(Path.cwd())"
    directory.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                process.send_signal(signal.SIGKILL)
                break
        return int(["20", *process.stdout.read().split()][-1])


def test_a_message_is_whole_or_absent_after_a_kill(tmp_path: Path) -> None:
    directory = tmp_path / "killed"
    last = kill_while_writing(write_messages_for_ever, directory)
    database = SqliteDatabase(directory / "frontdesk.db")
    history = SqliteMessageStore(database).history(KEY, limit=1_000_000)
    with database.read() as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()
    database.close()
    assert integrity == ("ok",)
    assert len(history) in (last + 1, last + 2)
    assert {message.content for message in history} == {BODY}


def test_a_blob_is_whole_or_absent_after_a_kill(tmp_path: Path) -> None:
    directory = tmp_path / "killed"
    last = kill_while_writing(write_blobs_for_ever, directory)
    contents = [path.read_text() for path in directory.glob("blob-*")]
    assert len(contents) in (last + 1, last + 2)
    assert set(contents) == {BODY}
