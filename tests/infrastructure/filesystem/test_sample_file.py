"""Samples in a file: they outlive the server, and are shared by its workers."""

import fcntl
import logging
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from application.ports.sample_history import INTERVAL, SampleHistory
from infrastructure.filesystem import slot_file
from infrastructure.filesystem.sample_file import SLOT_BYTES, FileSampleHistory
from infrastructure.sample_ring import SLOTS, place_of
from tests.builders import NOW
from tests.contracts.context_queue import ManualClock
from tests.contracts.sample_history import NAMES, SampleHistoryContract, a_sample, seen
from tests.killed_process import ENOUGH, kill_at_work

LATER = NOW + INTERVAL


def opened(path: Path, clock: ManualClock | None = None) -> FileSampleHistory:
    """The samples at ``path``, as another process opens them a while later."""
    if clock is None:
        clock = ManualClock()
        clock.advance(by=INTERVAL * 1000)
    return FileSampleHistory(path, NAMES, clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "samples"


class TestFileSampleHistory(SampleHistoryContract):
    @pytest.fixture
    def history(self, clock: ManualClock, path: Path) -> SampleHistory:
        return opened(path, clock)


def test_samples_are_there_after_a_restart(path: Path) -> None:
    opened(path).keep(a_sample(NOW, 3, 1))
    after = opened(path)
    after.keep(a_sample(LATER, 0, 1, started_at=LATER))
    assert seen(after) == [(NOW, [3, 1]), (LATER, [0, 1])]
    assert after.notice() is None


def test_file_is_private_and_never_grows(path: Path) -> None:
    history = opened(path)
    for number in range(5):
        history.keep(a_sample(NOW + INTERVAL * (number * 997)))
        assert path.stat().st_size == SLOTS * SLOT_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_looking_creates_nothing(path: Path) -> None:
    assert seen(opened(path)) == []
    assert not path.parent.exists()


@pytest.mark.parametrize("at", [0, 4, 9, 20, SLOT_BYTES - 1])
def test_slot_that_was_written_in_part_is_a_gap_and_used_again(path: Path, at: int) -> None:
    history = opened(path)
    history.keep(a_sample(NOW))
    history.keep(a_sample(LATER))
    content = bytearray(path.read_bytes())
    content[place_of(NOW) * SLOT_BYTES + at] ^= 1
    path.write_bytes(content)
    assert [at for at, _ in seen(opened(path))] == [LATER]
    history.keep(a_sample(NOW))
    assert [at for at, _ in seen(opened(path))] == [NOW, LATER]


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * SLOTS * SLOT_BYTES])
def test_file_with_other_content_is_used_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    history = opened(path)
    assert seen(history) == []
    history.keep(a_sample(NOW))
    assert [at for at, _ in seen(opened(path))] == [NOW]


def test_samples_of_a_version_with_other_numbers_are_not_read(path: Path) -> None:
    clock = ManualClock()
    FileSampleHistory(path, ("other", "names"), clock).keep(a_sample(NOW))
    history = opened(path)
    assert seen(history) == []
    history.keep(a_sample(NOW, 7, 7))
    assert seen(history) == [(NOW, [7, 7])]


def test_without_a_directory_samples_are_in_memory_and_it_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    history = opened(tmp_path / "file" / "samples")
    with caplog.at_level(logging.WARNING):
        history.keep(a_sample(NOW))
        history.keep(a_sample(LATER))
    assert [record.message for record in caplog.records] == [
        "samples cannot be written, they stay in memory"
    ]
    assert [at for at, _ in seen(history)] == [NOW, LATER]
    assert "in the memory of this process" in str(history.notice())


def test_disk_that_has_room_again_is_used_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = opened(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda *_: 100)
        history.keep(a_sample(NOW))
    assert history.notice() is not None
    history.keep(a_sample(LATER))
    assert history.notice() is None
    assert [at for at, _ in seen(history)] == [NOW, LATER]
    assert [at for at, _ in seen(opened(path))] == [LATER]


def test_stopped_process_that_holds_the_lock_does_not_hold_up_the_sampler(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = opened(path)
    history.keep(a_sample(NOW))
    monkeypatch.setattr(slot_file, "LOCK_SECONDS", 0.01)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        history.keep(a_sample(LATER))
    assert [at for at, _ in seen(history)] == [NOW, LATER]


def keep_some(path: Path) -> None:
    """Keep samples as one of several workers, each with what all have counted."""
    history = opened(path)
    for number in range(60):
        at = NOW + INTERVAL * number + timedelta(microseconds=os.getpid())
        history.keep(a_sample(at, number, 0))


def test_workers_that_sample_at_once_keep_one_of_each_interval(path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(keep_some, [path] * 2))
    assert [number for _, (number, _) in seen(opened(path))] == [*range(60)]


def keep_for_ever(directory: Path) -> None:
    """Keep samples until killed."""
    history = opened(directory / "samples")
    for number in range(1_000_000):
        history.keep(a_sample(NOW + INTERVAL * (number % 500), number, 0))
        if number % 500 == 499:
            print(number // 500, flush=True)  # noqa: T201 - to the test


def test_killed_process_leaves_at_most_one_slot_unreadable(tmp_path: Path) -> None:
    assert kill_at_work(keep_for_ever, tmp_path) >= ENOUGH
    assert len(seen(opened(tmp_path / "samples"))) >= 499
