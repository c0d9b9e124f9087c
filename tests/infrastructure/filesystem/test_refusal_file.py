"""Refusals in a file: shared by processes, of fixed size, and never in the way of a webhook."""

import fcntl
import logging
import os
import stat
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from application.clock import utc_now
from application.ports.refusals import Refusals
from infrastructure.durable_files import lock_file
from infrastructure.filesystem import slot_file
from infrastructure.filesystem.refusal_file import FILE_BYTES, SLOT_BYTES, FileRefusals
from infrastructure.refusal_slots import SLOTS
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import ManualClock
from tests.contracts.diagnosed_refusals import (
    Diagnoser,
)
from tests.contracts.refusals import FORGED, MISMATCH, OTHER, SMS, URL, RefusalsContract
from tests.killed_process import ENOUGH, kill_at_work


def opened(
    path: Path, clock: ManualClock | None = None, diagnoser: Diagnoser | None = None
) -> FileRefusals:
    """The refusals at ``path``, as another process opens them."""
    now = clock or utc_now
    return FileRefusals(path, now, diagnose=diagnoser)


def write(refusals: Refusals, account: str, url: str = URL) -> None:
    """Count a refusal, and wait until it is written."""
    refusals.add(SMS, account, MISMATCH, url)
    refusals.latest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "refusals"


class TestFileRefusals(RefusalsContract):
    @pytest.fixture
    def refusals(self, clock: ManualClock, path: Path, diagnoser: Diagnoser) -> Refusals:
        return opened(path, clock, diagnoser)

    def test_another_process_sees_and_counts_the_same_entries(
        self, refusals: Refusals, clock: ManualClock, path: Path
    ) -> None:
        other = opened(path, clock)
        for _ in range(3):
            write(refusals, FORGED)
            write(other, FORGED)
            write(other, OTHER)
        assert sorted(one.count for one in opened(path).latest()) == [3, 6]

    def test_limit_of_an_account_is_shared_by_all_processes(
        self, refusals: Refusals, clock: ManualClock, path: Path
    ) -> None:
        other = opened(path, clock)
        for number in range(50):
            write(refusals, FORGED, f"{URL}/{number}")
            write(other, FORGED, f"{URL}/other/{number}")
        found = opened(path).latest()
        assert len(found) == 21
        assert sum(one.count for one in found) == 100


def test_file_is_private_and_has_its_size_from_the_start(path: Path) -> None:
    write(opened(path), FORGED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.stat().st_size == FILE_BYTES


def test_reading_creates_nothing(path: Path) -> None:
    assert opened(path).latest() == ()
    assert opened(path).notice() is None
    assert not path.parent.exists()


@pytest.mark.parametrize("at", [0, 3, 4, 20, 40, SLOT_BYTES - 1])
def test_slot_that_was_written_in_part_is_ignored_and_used_again(path: Path, at: int) -> None:
    refusals = opened(path)
    write(refusals, FORGED)
    write(refusals, OTHER)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert [one.account for one in opened(path).latest()] == [OTHER]
    write(refusals, FORGED)
    assert {one.account: one.count for one in opened(path).latest()} == {FORGED: 1, OTHER: 1}
    assert path.read_bytes()[2 * SLOT_BYTES :].strip(b"\0") == b""


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * FILE_BYTES, b"x" * 3 * FILE_BYTES])
def test_file_with_other_content_is_used_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    refusals = opened(path)
    assert refusals.latest() == ()
    write(refusals, FORGED)
    assert [one.count for one in opened(path).latest()] == [1]
    assert path.stat().st_size == FILE_BYTES


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: os.truncate(path, 7)])
def test_file_that_is_removed_or_truncated_is_made_again(path: Path, harm: object) -> None:
    refusals = opened(path)
    write(refusals, FORGED)
    assert callable(harm)
    harm(path)
    write(refusals, FORGED)
    assert [one.count for one in opened(path).latest()] == [1]


def test_link_to_another_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    path.parent.mkdir()
    path.symlink_to(target)
    write(opened(path), FORGED)
    assert target.read_text() == "precious"


def test_without_a_directory_refusals_are_in_memory_and_commands_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "refusals"
    refusals = opened(path)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            write(refusals, FORGED)
    assert [one.count for one in refusals.latest()] == [2]
    assert [record.message for record in caplog.records] == [
        "refusals cannot be written, they stay in memory"
    ]
    assert "each process has others in its memory" in str(refusals.notice())
    command = opened(path)
    assert command.latest() == ()
    assert str(command.notice()).endswith("cannot be read: Not a directory")


def test_command_says_that_it_cannot_see_refusals_where_none_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "no command sees them" in str(opened(path).notice())


def test_full_disk_keeps_refusals_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = opened(path)
    monkeypatch.setattr(os, "pwrite", lambda *_: 100)
    write(refusals, FORGED)
    assert [one.count for one in refusals.latest()] == [1]


def test_stopped_process_that_holds_the_lock_does_not_hold_up_a_webhook(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = opened(path)
    write(refusals, FORGED)
    has_returned, returned_first = threading.Event(), list[bool]()

    def lock_later(descriptor: int, kind: int, *, seconds: float) -> bool:
        """Wait for the webhook: one that waits for the lock itself comes too late."""
        returned_first.append(has_returned.wait(30))
        return lock_file(descriptor, kind, seconds=0.01)

    monkeypatch.setattr(slot_file, "lock_file", lock_later)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refusals.add(SMS, OTHER, MISMATCH, URL)
        has_returned.set()
        assert len(refusals.latest()) == 2
    assert set(returned_first) == {True}
    write(refusals, FORGED)
    assert [one.account for one in opened(path).latest()] == [FORGED]


def count_some(path: Path) -> None:
    """Count refusals as one of several workers, and write them often."""
    refusals = opened(path)
    for number in range(200):
        refusals.add(SMS, FORGED, MISMATCH, f"{URL}/{number % 10}")
        if number % 7 == 0:
            refusals.latest()


def test_threads_and_processes_that_count_at_once_lose_nothing(path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(count_some, [path] * 3))
    found = opened(path).latest()
    assert len(found) == 10
    assert sum(one.count for one in found) == 600
    refusals = opened(path.with_name("threads"))
    at_once([lambda: refusals.add(SMS, FORGED, MISMATCH, URL)] * 64)
    assert sum(one.count for one in refusals.latest()) == 64


def add_for_ever(directory: Path) -> None:
    """Count refusals until killed, each in a slot of its own."""
    refusals = opened(directory / "refusals")
    for number in range(1_000_000):
        refusals.add(SMS, f"AC{number % 400:032}", MISMATCH, URL)
        if number % 100 == 0:
            refusals.latest()
            print(number // 100, flush=True)  # noqa: T201 - to the test


def test_killed_process_leaves_at_most_one_slot_unreadable(tmp_path: Path) -> None:
    assert kill_at_work(add_for_ever, tmp_path) >= ENOUGH
    refusals = opened(tmp_path / "refusals")
    assert len(refusals.latest()) >= 399
    write(refusals, FORGED)
    assert FORGED in {one.account for one in opened(tmp_path / "refusals").latest()}


def join_writers() -> None:
    """Wait for the threads that write refusals; the end of a process does so too."""
    for thread in threading.enumerate():
        if thread.name == "refusals":
            assert not thread.daemon
            thread.join(10)


def test_refusal_comes_into_the_file_by_itself(path: Path) -> None:
    refusals = opened(path)
    refusals.add(SMS, FORGED, MISMATCH, URL)
    assert not path.exists()
    join_writers()
    assert [one.count for one in opened(path).latest()] == [1]


def test_refusals_of_one_moment_are_bounded(path: Path) -> None:
    refusals = opened(path)
    for number in range(5000):
        refusals.add(SMS, FORGED, MISMATCH, f"{URL}/{number}")
    assert len(refusals._added) <= SLOTS + 1
    found = refusals.latest()
    assert (len(found), sum(one.count for one in found)) == (21, 5000)


def test_without_a_free_thread_the_next_refusal_writes_both(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    refusals = opened(path)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        refusals.add(SMS, FORGED, MISMATCH, URL)
    refusals.add(SMS, OTHER, MISMATCH, URL)
    join_writers()
    assert len(opened(path).latest()) == 2
