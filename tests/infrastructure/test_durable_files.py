"""Files that are whole or absent."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path

from infrastructure.durable_files import (
    create_file,
    delete_stale_temporary_files,
    remove_file,
    replace_file,
)
from tests.builders import NOW
from tests.contracts.concurrency import at_once


def test_a_new_file_is_created(tmp_path: Path) -> None:
    assert create_file(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"first")
    assert not create_file(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"


def test_nothing_is_written_beside_a_file_that_is_there(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"first")
    os.utime(tmp_path, (0, 0))
    create_file(tmp_path / "a", b"second")
    assert tmp_path.stat().st_mtime == 0


def test_missing_directories_are_made(tmp_path: Path) -> None:
    assert create_file(tmp_path / "a" / "b" / "c", b"content")


def test_a_file_can_be_as_old_as_what_it_tells(tmp_path: Path) -> None:
    moment = NOW - timedelta(days=1)
    create_file(tmp_path / "a", b"content", modified_at=moment)
    assert (tmp_path / "a").stat().st_mtime == moment.timestamp()


def test_of_many_who_create_it_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a"
    created = at_once(partial(create_file, path, bytes([number])) for number in range(16))
    assert created.count(True) == 1
    assert path.read_bytes() == bytes([created.index(True)])
    assert [file.name for file in path.parent.iterdir()] == ["a"]


def test_what_is_there_is_replaced(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"first")
    assert replace_file(tmp_path / "a", b"second", modified_at=NOW)
    assert (tmp_path / "a").read_bytes() == b"second"
    assert (tmp_path / "a").stat().st_mtime == NOW.timestamp()
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_what_is_not_there_is_not_replaced(tmp_path: Path) -> None:
    assert not replace_file(tmp_path / "new" / "a", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_removed_once(tmp_path: Path) -> None:
    create_file(tmp_path / "a", b"content")
    assert remove_file(tmp_path / "a")
    assert not remove_file(tmp_path / "a")
    assert not remove_file(tmp_path / "new" / "a")


def test_what_nobody_goes_on_writing_is_removed_wherever_it_is(tmp_path: Path) -> None:
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
