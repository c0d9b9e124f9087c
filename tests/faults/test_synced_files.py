"""A power failure loses what was not synced. SIGKILL does not, so these tests check the order."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from application.clock import utc_now
from infrastructure.filesystem.blob_files import FileBlobStore
from infrastructure.filesystem.dead_letter_files import FileDeadLetters
from infrastructure.filesystem.spool_files import FileSpool
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.spool import an_entry

_CHANGES = {"os.rename", "os.link", "os.mkdir", "os.remove"}


class Steps(list[tuple[str, Path, Path]]):
    """Syncs and name changes: each step, its path, and its path afterwards."""

    def name_changes(self) -> Iterator[tuple[int, str, Path, Path]]:
        """Name changes with their position. The removal of a hidden file may be lost."""
        for place, (step, source, target) in enumerate(self):
            if step != "sync" and not (step == "os.remove" and target.name.startswith(".")):
                yield place, step, source, target

    def unsynced(self) -> Iterator[str]:
        """The steps that a power failure, now or at any moment before, could have lost."""
        for place, step, source, target in self.name_changes():
            if step in {"os.rename", "os.link"} and not self._is_whole(source, place):
                yield f"{target.name} was named before its content was synced"
            if ("sync", target.parent, target.parent) not in self[place:]:
                yield f"{step} of {target.name} may be lost"

    def _is_whole(self, path: Path, place: int) -> bool:
        """Whether the file's content was synced before, under this name or an earlier one."""
        if ("sync", path, path) in self[:place]:
            return True
        names = [(at, source) for at, _, source, target in self.name_changes() if target == path]
        return any(self._is_whole(source, at) for at, source in names if at < place)


@pytest.fixture(scope="session")
def hooked() -> list[Steps]:
    """The one audit hook, as it cannot be removed; it appends to the last list in here."""
    watching: list[Steps] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in _CHANGES:
            paths = [Path(os.fsdecode(one)) for one in arguments[:2] if isinstance(one, str | Path)]
            watching[-1].append((event, paths[0], paths[-1]))

    sys.addaudithook(hook)
    return watching


@pytest.fixture
def steps(hooked: list[Steps], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    found = Steps()
    fsync = os.fsync

    def watched_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        fsync(descriptor)
        found.append(("sync", path, path))

    monkeypatch.setattr(os, "fsync", watched_fsync)
    hooked.append(found)
    yield found
    hooked.clear()


def enqueue_in_spool(directory: Path) -> None:
    FileSpool(directory, utc_now, MemoryMetrics()).enqueue(an_entry())


def acknowledge_in_spool(directory: Path) -> None:
    spool = FileSpool(directory, utc_now, MemoryMetrics())
    spool.enqueue(an_entry())
    (delivery,) = spool.receive(1, timedelta(minutes=1))
    spool.acknowledge(delivery)


def store_a_dead_letter(directory: Path) -> None:
    FileDeadLetters(directory).store(a_dead_letter())


def replace_a_dead_letter(directory: Path) -> None:
    dead_letters = FileDeadLetters(directory)
    dead_letters.store(a_dead_letter())
    assert dead_letters.replace(a_dead_letter(attempts=7))


def put_a_file(directory: Path) -> None:
    FileBlobStore(directory).put("attachments/4711/invoice", b"invoice")


@pytest.mark.parametrize(
    "work",
    [
        enqueue_in_spool,
        acknowledge_in_spool,
        store_a_dead_letter,
        replace_a_dead_letter,
        put_a_file,
    ],
)
def test_files_and_their_names_are_synced_before_the_call_returns(
    work: Callable[[Path], None], steps: Steps, tmp_path: Path
) -> None:
    work(tmp_path / "data")
    assert [*steps.name_changes()]
    assert [*steps.unsynced()] == []


def test_file_of_a_message_costs_two_syncs(steps: Steps, tmp_path: Path) -> None:
    blobs = FileBlobStore(tmp_path)
    blobs.put("attachments/4711/invoice", b"invoice")
    steps.clear()
    blobs.put("attachments/4712/invoice", b"invoice")
    assert [step for step, _, _ in steps].count("sync") == 2


@pytest.mark.parametrize(
    ("work", "problem"),
    [
        (
            lambda path: (path / "a.tmp").rename(path / "a"),
            "a was named before its content was synced",
        ),
        (lambda path: (path / "new").mkdir(), "os.mkdir of new may be lost"),
    ],
)
def test_missing_sync_is_reported(
    work: Callable[[Path], object], problem: str, steps: Steps, tmp_path: Path
) -> None:
    (tmp_path / "a.tmp").touch()
    work(tmp_path)
    assert problem in [*steps.unsynced()]
