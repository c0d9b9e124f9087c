"""Files are whole or absent after any interruption."""

import errno
import os
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from infrastructure.durable_files import (
    create_file,
    delete_stale_temporary_files,
    file_error,
    remove_file,
    replace_file,
)
from tests.builders import NOW
from tests.contracts.concurrency import at_once


def test_new_file_is_created_with_its_content(tmp_path: Path) -> None:
    assert create_file(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"first")
    assert not create_file(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"


def test_create_writes_no_temporary_file_beside_an_existing_file(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"first")
    os.utime(tmp_path, (0, 0))
    create_file(tmp_path / "a", b"second")
    assert tmp_path.stat().st_mtime == 0


def test_missing_directories_are_created(tmp_path: Path) -> None:
    assert create_file(tmp_path / "a" / "b" / "c", b"content")


def test_file_is_created_with_the_given_modification_time(tmp_path: Path) -> None:
    moment = NOW - timedelta(days=1)
    create_file(tmp_path / "a", b"content", modified_at=moment)
    assert (tmp_path / "a").stat().st_mtime == moment.timestamp()


def test_concurrent_creates_of_one_file_succeed_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a"
    created = at_once(partial(create_file, path, bytes([number])) for number in range(16))
    assert created.count(True) == 1
    assert path.read_bytes() == bytes([created.index(True)])
    assert [file.name for file in path.parent.iterdir()] == ["a"]


def test_existing_file_is_replaced(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"first")
    assert replace_file(tmp_path / "a", b"second", modified_at=NOW)
    assert (tmp_path / "a").read_bytes() == b"second"
    assert (tmp_path / "a").stat().st_mtime == NOW.timestamp()
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_missing_file_is_not_replaced(tmp_path: Path) -> None:
    assert not replace_file(tmp_path / "new" / "a", b"content")
    assert list(tmp_path.iterdir()) == []


def test_file_is_removed_once(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"content")
    assert remove_file(tmp_path / "a")
    assert not remove_file(tmp_path / "a")
    assert not remove_file(tmp_path / "new" / "a")


def test_stale_temporary_files_are_deleted_in_every_directory(tmp_path: Path) -> None:
    old = [tmp_path / ".1.tmp", tmp_path / "spool" / ".2.incoming"]
    retained = [tmp_path / "a.tmp", tmp_path / ".lock", tmp_path / "spool" / ".3.tmp"]
    (tmp_path / "spool").mkdir()
    for path in (*old, *retained):
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
    os.utime(retained[-1], (NOW.timestamp(), NOW.timestamp()))
    assert delete_stale_temporary_files(tmp_path, NOW) == 2
    assert delete_stale_temporary_files(tmp_path, NOW) == 0
    assert [path.exists() for path in (*old, *retained)] == [False] * 2 + [True] * 3


@pytest.mark.parametrize(
    ("number", "needs_operator"),
    [
        (errno.EACCES, True),
        (errno.EROFS, True),
        (errno.ENOTDIR, True),
        (errno.ENOSPC, False),
        (errno.EDQUOT, False),
        (errno.EIO, False),
        (errno.EMFILE, False),
        (errno.ETIMEDOUT, False),
    ],
)
def test_error_of_a_file_tells_whether_an_operator_is_needed(
    number: int, needs_operator: bool
) -> None:
    error = file_error("it could not be written", OSError(number, os.strerror(number)))
    assert str(error) == f"it could not be written: {os.strerror(number)}"
    assert error.needs_operator == needs_operator
