"""The spool as files keeps the contract, and what it holds survives what happens to disks."""

import errno
import fcntl
import json
import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NoReturn

import pytest

from application.ports.spool import (
    Spool,
    SpoolDelivery,
    SpoolDepth,
    SpoolEntry,
    SpoolErasure,
)
from domain.errors import SpoolFullError, StorageUnavailableError
from infrastructure.filesystem import spool_entry_files as files_of_spool
from infrastructure.filesystem.spool_files import FileSpool, FileSpoolLimits
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.builders import NOW
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import ManualClock
from tests.contracts.spool import (
    MINUTE,
    REQUEST,
    SECOND,
    EmbeddedSpoolContract,
    an_entry,
    keep_all,
    names,
)

NOBODY = 65534


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics() -> MemoryMetrics:
    return MemoryMetrics()


@pytest.fixture
def spool(directory: Path, clock: ManualClock, metrics: MemoryMetrics) -> FileSpool:
    return FileSpool(directory, clock, metrics)


def entry_files(directory: Path) -> list[Path]:
    """The files of entries, oldest first."""
    return sorted(directory.glob("*.json"))


class Alternating(Spool):
    """Several spools over one directory, asked in turn."""

    can_erase = True

    def __init__(self, *spools: Spool) -> None:
        self._spools = cycle(spools)

    def enqueue(self, entry: SpoolEntry) -> None:
        next(self._spools).enqueue(entry)

    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        return next(self._spools).receive(limit, visibility)

    def acknowledge(self, delivery: SpoolDelivery) -> None:
        next(self._spools).acknowledge(delivery)

    def release(self, delivery: SpoolDelivery, delay: timedelta) -> None:
        next(self._spools).release(delivery, delay)

    def depth(self) -> SpoolDepth:
        return next(self._spools).depth()

    def erase(self, wanted: Callable[[SpoolEntry], bool]) -> SpoolErasure:
        return next(self._spools).erase(wanted)


def failing(code: int) -> Callable[..., NoReturn]:
    """A function that the operating system refuses, whatever it is asked."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def unwritable_directory() -> Iterator[Path]:
    """A directory that this process may not write to, even where it is the superuser's."""
    superuser = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        directory.chmod(0o555)
        if superuser:
            os.seteuid(NOBODY)
        try:
            yield directory
        finally:
            if superuser:
                os.seteuid(0)
            directory.chmod(0o755)


class TestFileSpool(EmbeddedSpoolContract):
    @pytest.fixture
    def spool(self, directory: Path, clock: ManualClock) -> Spool:
        return FileSpool(directory, clock, MemoryMetrics())

    @pytest.fixture
    def small_spool(self, directory: Path, clock: ManualClock) -> Spool:
        return FileSpool(directory, clock, MemoryMetrics(), FileSpoolLimits(entries=3))


class TestFileSpoolSeenByOthers(EmbeddedSpoolContract):
    """Whoever asks is another process each time: nothing is remembered but the files."""

    @pytest.fixture
    def spool(self, directory: Path, clock: ManualClock) -> Spool:
        return Alternating(
            FileSpool(directory, clock, MemoryMetrics()),
            FileSpool(directory, clock, MemoryMetrics()),
        )

    @pytest.fixture
    def small_spool(self, directory: Path, clock: ManualClock) -> Spool:
        limits = FileSpoolLimits(entries=3)
        first, second = (FileSpool(directory, clock, MemoryMetrics(), limits) for _ in range(2))
        return Alternating(first, second)


class TestTheFiles:
    def test_an_entry_is_one_private_json_file_named_by_its_state(
        self, spool: FileSpool, directory: Path
    ) -> None:
        keep_all(spool, "a1")
        spool.receive(1, MINUTE)
        (file,) = entry_files(directory)
        assert file.name == "20260304T120001.250000Z.a.a1.1.20260304T120100.250000Z.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert json.loads(file.read_bytes())["webhook"]["request"]["url"] == REQUEST.url

    def test_nothing_is_left_of_what_is_done(self, spool: FileSpool, directory: Path) -> None:
        keep_all(spool, "a1", "a1")
        spool.acknowledge(spool.receive(1, MINUTE)[0])
        assert [file.name for file in directory.iterdir()] == [".lock"]

    def test_entries_and_their_states_are_there_when_the_directory_is_opened_again(
        self, spool: FileSpool, directory: Path, clock: ManualClock
    ) -> None:
        keep_all(spool, "a1", "a2", "b3")
        spool.receive(1, MINUTE)
        again = FileSpool(directory, clock, MemoryMetrics())
        assert names(again.receive(10, MINUTE)) == ["b3"]
        clock.advance(by=MINUTE)
        assert [(one.entry, one.attempts) for one in again.receive(1, MINUTE)] == [
            (an_entry("a1"), 2)
        ]

    def test_files_that_are_no_entries_are_left_alone(
        self, spool: FileSpool, directory: Path
    ) -> None:
        keep_all(spool, "a1")
        no_day = "20260231T120001.250000Z"
        foreign = ["README", ".x.tmp", "a.json", f"{no_day}.a.b.1.{no_day}.json"]
        for name in foreign:
            (directory / name).write_bytes(b"{}")
        assert names(FileSpool(directory, ManualClock(), MemoryMetrics()).receive(10, MINUTE)) == [
            "a1"
        ]
        assert {file.name for file in directory.iterdir()} >= set(foreign)


class TestBrokenFiles:
    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"{}", b"\xff", b'"x"', b'{"entry_id": 1}'],
        ids=["empty", "cut", "list", "object", "bytes", "text", "types"],
    )
    def test_a_broken_file_is_set_aside_and_stops_nobody(
        self,
        spool: FileSpool,
        directory: Path,
        metrics: MemoryMetrics,
        content: bytes,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        keep_all(spool, "a1", "a2", "b3")
        entry_files(directory)[0].write_bytes(content)
        with caplog.at_level(logging.ERROR):
            assert names(spool.receive(10, MINUTE)) == ["b3"]
        assert names(spool.receive(10, MINUTE)) == ["a2"]
        (broken,) = directory.glob("*.broken")
        assert broken.read_bytes() == content
        (line,) = caplog.records
        assert line.__dict__["spool_entry_id"] == "a1"
        assert spool.depth() == SpoolDepth(2, NOW + 2 * SECOND, broken=1)
        assert metrics.total("Errors", type="broken_spool_entry") == 1

    def test_so_is_one_that_is_no_file(self, spool: FileSpool, directory: Path) -> None:
        keep_all(spool, "a1")
        (file,) = entry_files(directory)
        file.unlink()
        file.mkdir()
        assert spool.receive(10, MINUTE) == ()
        assert len(list(directory.glob("*.broken"))) == 1

    def test_so_is_one_under_the_name_of_another(self, spool: FileSpool, directory: Path) -> None:
        keep_all(spool, "a1")
        (file,) = entry_files(directory)
        file.rename(directory / file.name.replace("a1", "a2"))
        assert FileSpool(directory, ManualClock(), MemoryMetrics()).receive(10, MINUTE) == ()
        assert len(list(directory.glob("*.broken"))) == 1

    def test_one_that_is_mended_is_an_entry_again(self, spool: FileSpool, directory: Path) -> None:
        keep_all(spool, "a1")
        (file,) = entry_files(directory)
        content = file.read_bytes()
        file.write_bytes(b"")
        spool.receive(10, MINUTE)
        (broken,) = directory.glob("*.broken")
        broken.write_bytes(content)
        broken.rename(file)
        assert names(FileSpool(directory, ManualClock(), MemoryMetrics()).receive(10, MINUTE)) == [
            "a1"
        ]

    def test_a_file_that_somebody_removed_is_no_entry(
        self, spool: FileSpool, directory: Path
    ) -> None:
        keep_all(spool, "a1", "a2", "b3")
        entry_files(directory)[0].unlink()
        assert names(spool.receive(10, MINUTE)) == ["b3"]
        assert names(spool.receive(10, MINUTE)) == ["a2"]
        assert spool.depth().entries == 2

    def test_when_this_process_has_too_many_files_open_no_entry_is_to_blame(
        self, spool: FileSpool, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep_all(spool, "a1")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", failing(errno.EMFILE))
            with pytest.raises(StorageUnavailableError, match="Too many open files"):
                spool.receive(10, MINUTE)
        assert list(directory.glob("*.broken")) == []


@contextmanager
def lock_held(directory: Path) -> Iterator[None]:
    """Somebody else has the lock of the spool and does not give it back."""
    with (directory / ".lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class TestLock:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files_of_spool, "LOCK_SECONDS", 0.1)

    def test_a_lock_that_is_never_free_is_unavailable_storage(
        self, spool: FileSpool, directory: Path
    ) -> None:
        keep_all(spool, "a1", "b2")
        (taken,) = spool.receive(1, MINUTE)
        with lock_held(directory):
            for call in (
                lambda: keep_all(spool, "c3"),
                lambda: spool.receive(1, MINUTE),
                lambda: spool.acknowledge(taken),
                lambda: spool.release(taken, MINUTE),
                lambda: spool.erase(lambda entry: True),
                spool.depth,
            ):
                with pytest.raises(
                    StorageUnavailableError, match="another thread or process holds its lock"
                ):
                    call()
        spool.acknowledge(taken)
        assert names(spool.receive(10, MINUTE)) == ["b2"]

    def test_of_many_that_wait_for_it_none_waits_longer(
        self, spool: FileSpool, directory: Path
    ) -> None:
        keep_all(spool, "a1")

        def fails(name: str) -> float:
            started = time.monotonic()
            with pytest.raises(StorageUnavailableError):
                keep_all(spool, name)
            return time.monotonic() - started

        with lock_held(directory):
            waited = at_once(partial(fails, f"b{number}") for number in range(8))
        assert max(waited) < 0.5
        keep_all(spool, "b9")

    def test_whoever_waits_gets_it_when_it_is_free(self, spool: FileSpool, directory: Path) -> None:
        keep_all(spool, "a1")
        with ThreadPoolExecutor() as pool:
            with lock_held(directory):
                retained = pool.submit(keep_all, spool, "b2")
                time.sleep(0.02)
            retained.result()
        assert spool.depth().entries == 2


class TestLimits:
    def test_all_entries_together_may_be_so_large(
        self, directory: Path, clock: ManualClock
    ) -> None:
        spool = FileSpool(directory, clock, MemoryMetrics(), FileSpoolLimits(entries_bytes=3000))
        keep_all(spool, "a1")
        large = an_entry("b2", request=replace(REQUEST, body=b"x" * 3000))
        with pytest.raises(SpoolFullError, match="3000 bytes"):
            spool.enqueue(large)
        keep_all(spool, "c3")
        assert spool.depth().entries == 2

    def test_what_is_done_counts_no_more(self, directory: Path, clock: ManualClock) -> None:
        spool = FileSpool(directory, clock, MemoryMetrics(), FileSpoolLimits(entries_bytes=1000))
        for number in range(5):
            keep_all(spool, f"a{number}")
            spool.acknowledge(spool.receive(1, MINUTE)[0])
        assert spool.depth().entries == 0

    def test_some_of_the_disk_stays_free_for_the_store(
        self, directory: Path, clock: ManualClock
    ) -> None:
        spool = FileSpool(directory, clock, MemoryMetrics(), FileSpoolLimits(free_bytes=2**62))
        with pytest.raises(SpoolFullError, match="have to stay free"):
            keep_all(spool, "a1")
        assert entry_files(directory) == []


class TestDisks:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
    def test_a_disk_that_cannot_be_written_is_unavailable_storage(
        self, spool: FileSpool, directory: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        keep_all(spool, "a1")
        with monkeypatch.context() as patch:
            patch.setattr("infrastructure.durable_files._write_synced", failing(code))
            with pytest.raises(StorageUnavailableError) as caught:
                keep_all(spool, "b2")
        assert str(caught.value) == f"the spool could not be written: {os.strerror(code)}"
        assert isinstance(caught.value.__cause__, OSError)
        assert names(spool.receive(10, MINUTE)) == ["a1"]
        assert {file.suffix for file in directory.iterdir()} == {"", ".json"}

    def test_a_change_that_failed_did_not_happen(
        self, spool: FileSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep_all(spool, "a1", "b2")
        (taken,) = spool.receive(1, SECOND)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", failing(errno.EROFS))
            patch.setattr(Path, "unlink", failing(errno.EROFS))
            for call in (
                lambda: spool.receive(1, MINUTE),
                lambda: spool.acknowledge(taken),
                lambda: spool.release(taken, MINUTE),
            ):
                with pytest.raises(StorageUnavailableError, match="Read-only file system"):
                    call()
        assert spool.depth().entries == 2
        spool.acknowledge(taken)
        assert names(spool.receive(10, MINUTE)) == ["b2"]

    def test_a_file_in_the_way_is_unavailable_storage(
        self, spool: FileSpool, directory: Path
    ) -> None:
        directory.write_bytes(b"a file is in the way")
        for call in (lambda: keep_all(spool, "a1"), lambda: spool.receive(1, MINUTE), spool.depth):
            with pytest.raises(StorageUnavailableError, match=r"File exists|Not a directory"):
                call()

    def test_a_directory_without_permission_to_write_is_unavailable_storage(
        self, unwritable_directory: Path
    ) -> None:
        spool = FileSpool(unwritable_directory, ManualClock(), MemoryMetrics())
        for call in (lambda: keep_all(spool, "a1"), lambda: spool.receive(1, MINUTE)):
            with pytest.raises(StorageUnavailableError, match="Permission denied"):
                call()


def test_what_is_set_aside_is_left_by_an_erasure_and_counted(
    spool: FileSpool, directory: Path
) -> None:
    keep_all(spool, "a1")
    (file,) = directory.glob("*.json")
    file.write_bytes(b"{")
    assert spool.erase(lambda entry: True) == SpoolErasure(0, unreadable=1)
    spool.receive(1, MINUTE)
    assert list(directory.glob("*.broken"))
    assert spool.erase(lambda entry: True) == SpoolErasure(0, unreadable=1)
