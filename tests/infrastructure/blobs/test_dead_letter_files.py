"""Dead letters as files keep the contract, and people can read them."""

import base64
import errno
import json
import os
import stat
from pathlib import Path

import pytest

from application.ports.files import DeadLetters
from domain.errors import StorageUnavailableError
from infrastructure.blobs.dead_letter_files import FileDeadLetters
from tests.contracts.dead_letters import REQUEST, DeadLettersContract, a_letter


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "dead-letters"


class TestFileDeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self, directory: Path) -> DeadLetters:
        return FileDeadLetters(directory)


def test_a_letter_is_one_private_json_file(directory: Path) -> None:
    FileDeadLetters(directory).keep(a_letter())
    (file,) = directory.iterdir()
    content = json.loads(file.read_bytes())
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("unreadable-1.json", 0o600)
    assert base64.b64decode(content["request"]["body_base64"]) == REQUEST.body


def test_letters_are_there_when_the_directory_is_opened_again(directory: Path) -> None:
    FileDeadLetters(directory).keep(a_letter())
    assert FileDeadLetters(directory).list_letters(10) == (a_letter(),)


def test_a_letter_that_cannot_be_written_is_unavailable_storage(directory: Path) -> None:
    directory.write_bytes(b"a file is in the way")
    with pytest.raises(StorageUnavailableError):
        FileDeadLetters(directory).keep(a_letter())


def test_a_letter_that_cannot_be_read_is_named(directory: Path) -> None:
    FileDeadLetters(directory).keep(a_letter())
    (directory / "unreadable-1.json").write_bytes(b"{}")
    with pytest.raises(StorageUnavailableError, match=r"unreadable-1\.json"):
        FileDeadLetters(directory).list_letters(10)
    with pytest.raises(StorageUnavailableError, match=r"unreadable-1\.json"):
        FileDeadLetters(directory).get("unreadable-1")
    assert FileDeadLetters(directory).delete("unreadable-1")


def test_a_letter_that_is_replaced_is_as_private_and_as_old_as_before(directory: Path) -> None:
    letters = FileDeadLetters(directory)
    letters.keep(a_letter())
    (file,) = directory.iterdir()
    before = file.stat()
    letters.replace(a_letter(attempts=2))
    (file,) = directory.iterdir()
    after = file.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert after.st_ino != before.st_ino


def test_a_letter_that_cannot_be_replaced_stays_as_it_is(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = FileDeadLetters(directory)
    letters.keep(a_letter())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("infrastructure.durable_files._write_synced", full)
    with pytest.raises(StorageUnavailableError, match="No space left"):
        letters.replace(a_letter(attempts=2))
    assert letters.list_letters(10) == (a_letter(),)
