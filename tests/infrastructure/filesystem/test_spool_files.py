"""The spool as files fulfils the contract, and its entries survive errors of the disk."""

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
    SearchableSpool,
    Spool,
    SpoolDelivery,
    SpoolDepth,
    SpoolEntry,
    SpoolErasure,
    VisibleSpool,
    WaitingEntry,
)
from domain.errors import SpoolFullError, StorageUnavailableError
from infrastructure.filesystem import spool_file_names as files_of_spool
from infrastructure.filesystem.spool_files import FileSpool
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.sqlite.database_file import write_lock_held
from tests.builders import NOW
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import ManualClock
from tests.contracts.spool import (
    MINUTE,
    REQUEST,
    SECOND,
    EmbeddedSpoolContract,
    an_entry,
    enqueue_all,
    names,
)

UNPRIVILEGED_USER_ID = 65534


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


class Alternating(Spool, SearchableSpool, VisibleSpool):
    """Several spools over one directory, asked in turn."""

    def __init__(self, *spools: FileSpool) -> None:
        self._spools = cycle(spools)

    def enqueue(self, entry: SpoolEntry) -> None:
        next(self._spools).enqueue(entry)

    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        return next(self._spools).receive(limit, visibility)

    def acknowledge(self, delivery: SpoolDelivery) -> None:
        next(self._spools).acknowledge(delivery)

    def release(self, delivery: SpoolDelivery, delay: timedelta, reason: str = "") -> None:
        next(self._spools).release(delivery, delay, reason)

    def depth(self) -> SpoolDepth:
        return next(self._spools).depth()

    def look(self) -> Iterator[WaitingEntry]:
        return next(self._spools).look()

    def erase(self, wanted: Callable[[SpoolEntry], bool]) -> SpoolErasure:
        return next(self._spools).erase(wanted)


def failing(code: int) -> Callable[..., NoReturn]:
    """A function that always fails with an error of the operating system."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def unwritable_directory() -> Iterator[Path]:
    """A directory that this process may not write to, even if it runs as superuser."""
    superuser = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        directory.chmod(0o555)
        if superuser:
            os.seteuid(UNPRIVILEGED_USER_ID)
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
        return FileSpool(directory, clock, MemoryMetrics(), max_entries=3)


class TestFileSpoolOfSeveralProcesses(EmbeddedSpoolContract):
    """Each call comes from another process, so only the files hold the state."""

    @pytest.fixture
    def spool(self, directory: Path, clock: ManualClock) -> Spool:
        return Alternating(
            FileSpool(directory, clock, MemoryMetrics()),
            FileSpool(directory, clock, MemoryMetrics()),
        )

    @pytest.fixture
    def small_spool(self, directory: Path, clock: ManualClock) -> Spool:
        first, second = (
            FileSpool(directory, clock, MemoryMetrics(), max_entries=3) for _ in range(2)
        )
        return Alternating(first, second)


class TestEntryFiles:
    def test_spool_entry_is_one_private_json_file_named_by_its_state(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1")
        spool.receive(1, MINUTE)
        (file,) = entry_files(directory)
        assert file.name == "20260304T120001.250000Z.a.a1.1.20260304T120100.250000Z.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert json.loads(file.read_bytes())["webhook"]["request"]["url"] == REQUEST.url

    def test_acknowledged_entry_leaves_no_file(self, spool: FileSpool, directory: Path) -> None:
        enqueue_all(spool, "a1", "a1")
        spool.acknowledge(spool.receive(1, MINUTE)[0])
        assert [file.name for file in directory.iterdir()] == [".lock"]

    def test_spool_entries_and_their_states_are_read_after_the_directory_is_opened_again(
        self, spool: FileSpool, directory: Path, clock: ManualClock
    ) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        spool.receive(1, MINUTE)
        again = FileSpool(directory, clock, MemoryMetrics())
        assert names(again.receive(10, MINUTE)) == ["b3"]
        clock.advance(by=MINUTE)
        assert [(one.entry, one.attempts) for one in again.receive(1, MINUTE)] == [
            (an_entry("a1"), 2)
        ]

    def test_foreign_files_in_the_spool_directory_are_not_changed(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1")
        no_day = "20260231T120001.250000Z"
        foreign = ["README", ".x.tmp", "a.json", f"{no_day}.a.b.1.{no_day}.json"]
        for name in foreign:
            (directory / name).write_bytes(b"{}")
        assert names(FileSpool(directory, ManualClock(), MemoryMetrics()).receive(10, MINUTE)) == [
            "a1"
        ]
        assert {file.name for file in directory.iterdir()} >= set(foreign)


class TestUnreadableFiles:
    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"{}", b"\xff", b'"x"', b'{"entry_id": 1}'],
        ids=["empty", "cut", "list", "object", "bytes", "text", "types"],
    )
    def test_unreadable_entry_file_is_marked_as_broken_and_does_not_stop_the_others(
        self,
        spool: FileSpool,
        directory: Path,
        metrics: MemoryMetrics,
        content: bytes,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        entry_files(directory)[0].write_bytes(content)
        with caplog.at_level(logging.ERROR):
            assert names(spool.receive(10, MINUTE)) == ["b3"]
        assert names(spool.receive(10, MINUTE)) == ["a2"]
        (broken,) = directory.glob("*.broken")
        assert broken.read_bytes() == content
        (line,) = caplog.records
        assert line.__dict__["spool_entry_id"] == "a1"
        assert spool.depth() == SpoolDepth(2, NOW + 2 * SECOND, broken=1, attempts=1)
        assert metrics.total("Errors", type="broken_spool_entry") == 1

    def test_directory_named_like_an_entry_is_marked_as_broken(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1")
        (file,) = entry_files(directory)
        file.unlink()
        file.mkdir()
        assert spool.receive(10, MINUTE) == ()
        assert len(list(directory.glob("*.broken"))) == 1

    def test_entry_file_under_another_name_is_marked_as_broken(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1")
        (file,) = entry_files(directory)
        file.rename(directory / file.name.replace("a1", "a2"))
        assert FileSpool(directory, ManualClock(), MemoryMetrics()).receive(10, MINUTE) == ()
        assert len(list(directory.glob("*.broken"))) == 1

    def test_repaired_entry_file_is_received_again(self, spool: FileSpool, directory: Path) -> None:
        enqueue_all(spool, "a1")
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

    def test_removed_entry_file_does_not_stop_the_others(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        entry_files(directory)[0].unlink()
        assert names(spool.receive(10, MINUTE)) == ["b3"]
        assert names(spool.receive(10, MINUTE)) == ["a2"]
        assert spool.depth().entries == 2

    def test_too_many_open_files_do_not_mark_an_entry_as_broken(
        self, spool: FileSpool, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enqueue_all(spool, "a1")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", failing(errno.EMFILE))
            with pytest.raises(StorageUnavailableError, match="Too many open files"):
                spool.receive(10, MINUTE)
        assert list(directory.glob("*.broken")) == []


@contextmanager
def lock_held(directory: Path) -> Iterator[None]:
    """Another process holds the lock of the spool until the block ends."""
    with (directory / ".lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class TestLock:
    @pytest.fixture(autouse=True)
    def _short_lock_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files_of_spool, "LOCK_SECONDS", 0.1)

    def test_lock_held_by_another_process_is_reported_as_unavailable_storage(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1", "b2")
        (taken,) = spool.receive(1, MINUTE)
        with lock_held(directory):
            for call in (
                lambda: enqueue_all(spool, "c3"),
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

    def test_concurrent_calls_wait_for_the_lock_at_most_the_lock_timeout(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1")

        def fails(name: str) -> float:
            started = time.monotonic()
            with pytest.raises(StorageUnavailableError):
                enqueue_all(spool, name)
            return time.monotonic() - started

        with lock_held(directory):
            waited = at_once(partial(fails, f"b{number}") for number in range(8))
        assert max(waited) < 0.5
        enqueue_all(spool, "b9")

    def test_call_that_waits_for_the_lock_succeeds_when_it_is_released(
        self, spool: FileSpool, directory: Path
    ) -> None:
        enqueue_all(spool, "a1")
        with ThreadPoolExecutor() as pool:
            with lock_held(directory):
                retained = pool.submit(enqueue_all, spool, "b2")
                time.sleep(0.02)
            retained.result()
        assert spool.depth().entries == 2


class TestLimits:
    def test_spool_refuses_an_entry_when_the_disk_has_too_little_free_space(
        self, directory: Path, clock: ManualClock
    ) -> None:
        spool = FileSpool(directory, clock, MemoryMetrics(), min_free_bytes=2**62)
        with pytest.raises(SpoolFullError, match="have to stay free"):
            enqueue_all(spool, "a1")
        assert entry_files(directory) == []


class TestDisks:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
    def test_disk_that_cannot_be_written_is_reported_as_unavailable_storage(
        self, spool: FileSpool, directory: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        enqueue_all(spool, "a1")
        with monkeypatch.context() as patch:
            patch.setattr("infrastructure.durable_files._write_synced", failing(code))
            with pytest.raises(StorageUnavailableError) as caught:
                enqueue_all(spool, "b2")
        assert str(caught.value) == f"the spool could not be written: {os.strerror(code)}"
        assert isinstance(caught.value.__cause__, OSError)
        assert names(spool.receive(10, MINUTE)) == ["a1"]
        assert {file.suffix for file in directory.iterdir()} == {"", ".json"}

    def test_failed_change_of_the_spool_leaves_the_entry_as_before(
        self, spool: FileSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enqueue_all(spool, "a1", "b2")
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

    def test_file_in_place_of_the_directory_is_reported_as_unavailable_storage(
        self, spool: FileSpool, directory: Path
    ) -> None:
        directory.write_bytes(b"a file is in the way")
        for call in (
            lambda: enqueue_all(spool, "a1"),
            lambda: spool.receive(1, MINUTE),
            spool.depth,
        ):
            with pytest.raises(StorageUnavailableError, match=r"File exists|Not a directory"):
                call()

    def test_read_only_directory_is_reported_as_unavailable_storage(
        self, unwritable_directory: Path
    ) -> None:
        spool = FileSpool(unwritable_directory, ManualClock(), MemoryMetrics())
        for call in (lambda: enqueue_all(spool, "a1"), lambda: spool.receive(1, MINUTE)):
            with pytest.raises(StorageUnavailableError, match="Permission denied"):
                call()


def test_unreadable_entry_file_is_counted_and_not_erased_by_an_erasure(
    spool: FileSpool, directory: Path
) -> None:
    enqueue_all(spool, "a1")
    (file,) = directory.glob("*.json")
    file.write_bytes(b"{")
    assert spool.erase(lambda entry: True) == SpoolErasure(0, unreadable=1)
    spool.receive(1, MINUTE)
    assert list(directory.glob("*.broken"))
    assert spool.erase(lambda entry: True) == SpoolErasure(0, unreadable=1)


def test_name_of_a_file_holds_the_beginning_of_any_reason(
    spool: FileSpool, directory: Path
) -> None:
    longest = "x" * 64
    spool.enqueue(replace(an_entry(), entry_id=longest, group=longest, reason="why it came here"))
    for reason, shown in (
        ("../../a_b.json\n\N{SNOWMAN}: c", "a b json: c"),
        ("\N{SNOWMAN}", "why it came here"),
        ("ab " * 100, ("ab " * 20).strip()),
    ):
        (delivery,) = spool.receive(1, MINUTE)
        spool.release(delivery, timedelta(0), reason)
        (file,) = entry_files(directory)
        assert len(f"{file.name}.broken") <= 255
        for each in (spool, FileSpool(directory, ManualClock(), MemoryMetrics())):
            assert [one.reason for one in each.look()] == [shown]


def test_reason_that_the_entry_itself_has_is_shown_whole(spool: FileSpool) -> None:
    reason = "another process holds the write lock of frontdesk.db: end it; 'lsof' names it"
    spool.enqueue(an_entry(reason=reason))
    (delivery,) = spool.receive(1, MINUTE)
    spool.release(delivery, timedelta(0), reason)
    assert [one.reason for one in spool.look()] == [reason]


def test_cut_reason_of_a_held_lock_says_cause_and_remedy(spool: FileSpool) -> None:
    spool.enqueue(an_entry(reason="too many webhooks at once"))
    (delivery,) = spool.receive(1, MINUTE)
    held = write_lock_held(Path("/var/lib/frontdesk/frontdesk.db"))
    spool.release(delivery, timedelta(0), str(held))
    (seen,) = spool.look()
    assert seen.reason == "another process holds the write lock of frontdesk db: end it"
