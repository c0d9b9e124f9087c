"""Dead letters as files keep the contract, and people can read them."""

import base64
import json
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
