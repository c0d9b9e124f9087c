"""Dead letters as files fulfil the contract, and an operator can read them."""

import base64
import errno
import json
import os
import stat
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetters
from domain.errors import StorageUnavailableError
from infrastructure.filesystem.dead_letter_files import FileDeadLetters
from tests.builders import NOW
from tests.contracts.dead_letters import (
    REQUEST,
    DeadLettersContract,
    UnreadableDeadLettersContract,
    WriteContent,
    a_dead_letter,
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "dead-letters"


class TestFileDeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self, directory: Path) -> DeadLetters:
        return FileDeadLetters(directory)


class TestUnreadableFiles(UnreadableDeadLettersContract):
    @pytest.fixture
    def dead_letters(self, directory: Path) -> DeadLetters:
        return FileDeadLetters(directory)

    @pytest.fixture
    def write_content(self, directory: Path) -> WriteContent:
        def write_content(dead_letter_id: str, content: bytes) -> None:
            directory.mkdir(exist_ok=True)
            file = directory / f"{dead_letter_id}.json"
            file.write_bytes(content)
            os.utime(file, (NOW.timestamp(), NOW.timestamp()))

        return write_content


def test_dead_letter_is_one_private_json_file(directory: Path) -> None:
    FileDeadLetters(directory).store(a_dead_letter())
    (file,) = directory.iterdir()
    content = json.loads(file.read_bytes())
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("unreadable-1.json", 0o600)
    assert base64.b64decode(content["webhook"]["request"]["body_base64"]) == REQUEST.body


def test_dead_letters_are_read_after_the_directory_is_opened_again(directory: Path) -> None:
    FileDeadLetters(directory).store(a_dead_letter())
    assert FileDeadLetters(directory).list_dead_letters(10) == (a_dead_letter(),)


def test_dead_letter_that_cannot_be_written_is_unavailable_storage(directory: Path) -> None:
    directory.write_bytes(b"a file is in the way")
    with pytest.raises(StorageUnavailableError):
        FileDeadLetters(directory).store(a_dead_letter())


def test_directory_among_the_dead_letters_is_reported_and_not_deleted(directory: Path) -> None:
    dead_letters = FileDeadLetters(directory)
    dead_letters.store(a_dead_letter())
    (directory / "a b.json").mkdir()
    os.utime(directory / "a b.json", (0, 0))
    reported: list[str] = []
    assert dead_letters.list_dead_letters(10, unreadable=reported.append) == (a_dead_letter(),)
    assert reported == [str(directory / "a b.json")]
    assert sum(dead_letters.delete_older(NOW + timedelta(days=1))) == 1
    assert (directory / "a b.json").is_dir()


def test_failing_disk_is_not_reported_as_an_unreadable_dead_letter(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters = FileDeadLetters(directory)
    dead_letters.store(a_dead_letter())

    def too_many_files(_: Path) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Path, "read_bytes", too_many_files)
    with pytest.raises(StorageUnavailableError, match="Too many open files"):
        dead_letters.list_dead_letters(10)


def test_dead_letters_restored_without_their_file_times_are_listed_once(
    directory: Path,
) -> None:
    dead_letters = FileDeadLetters(directory)
    for number in range(3):
        dead_letters.store(a_dead_letter(f"bug-{number}"))
        os.utime(directory / f"bug-{number}.json")
    seen: list[DeadLetter] = []
    while len(seen) < 10 and (
        page := dead_letters.list_dead_letters(2, after=seen[-1] if seen else None)
    ):
        seen += page
    assert len(seen) == 3


def test_each_dead_letter_is_read_from_one_listing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters = FileDeadLetters(directory)
    for number in range(5):
        dead_letters.store(a_dead_letter(f"bug-{number}"))
    listed: list[Path] = []
    scandir = os.scandir

    def counted(path: Path) -> "os._ScandirIterator[str]":
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    for dead_letter in dead_letters.each_dead_letter():
        dead_letters.delete(dead_letter.dead_letter_id)
    assert listed == [directory]


def test_dead_letters_are_deleted_by_age_without_reading_them(directory: Path) -> None:
    dead_letters = FileDeadLetters(directory)
    dead_letters.store(a_dead_letter())
    os.truncate(directory / "unreadable-1.json", 32 * 1024**2)
    os.utime(directory / "unreadable-1.json", (0, 0))
    tracemalloc.start()
    try:
        assert sum(dead_letters.delete_older(NOW)) == 1
        assert tracemalloc.get_traced_memory()[1] < 1024**2
    finally:
        tracemalloc.stop()


def test_replaced_dead_letter_has_the_same_permissions_and_time(directory: Path) -> None:
    dead_letters = FileDeadLetters(directory)
    dead_letters.store(a_dead_letter())
    (file,) = directory.iterdir()
    before = file.stat()
    dead_letters.replace(a_dead_letter(attempts=2))
    (file,) = directory.iterdir()
    after = file.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert after.st_ino != before.st_ino


def test_dead_letter_that_cannot_be_replaced_is_not_changed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters = FileDeadLetters(directory)
    dead_letters.store(a_dead_letter())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("infrastructure.durable_files._write_synced", full)
    with pytest.raises(StorageUnavailableError, match="No space left"):
        dead_letters.replace(a_dead_letter(attempts=2))
    assert dead_letters.list_dead_letters(10) == (a_dead_letter(),)
