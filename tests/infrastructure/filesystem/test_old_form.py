"""Files of an unreleased version are told from those of today, and from what is broken."""

import json
from pathlib import Path

import pytest

from infrastructure.filesystem.old_form import MOST, holds_old_form
from infrastructure.serialization.webhook_json import dead_letter_to_json, entry_to_json
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.spool import an_entry

TODAY = (entry_to_json(an_entry()).encode(), dead_letter_to_json(a_dead_letter()))


def without_version(document: bytes, indent: int | None) -> bytes:
    content = json.loads(document)
    del content["version"]
    return json.dumps(content, indent=indent).encode()


@pytest.mark.parametrize("content", [*TODAY, b"", b"{", b"{}", b"\xff", b"[1]"])
def test_files_of_today_and_broken_ones_are_not_old(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.json").write_bytes(content)
    assert not holds_old_form(tmp_path)


@pytest.mark.parametrize(("content", "indent"), [(TODAY[0], None), (TODAY[1], 1)])
def test_one_without_a_version_among_others_is_old(
    tmp_path: Path, content: bytes, indent: int | None
) -> None:
    (tmp_path / "one.json").write_bytes(without_version(content, indent))
    (tmp_path / "two.json").write_bytes(content)
    (tmp_path / ".lock").touch()
    assert holds_old_form(tmp_path)


def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert not holds_old_form(tmp_path / "spool")


def test_no_more_files_are_read_than_a_start_has_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MOST + 20):
        (tmp_path / f"{number}.json").touch()
    opened: list[str] = []

    def head(path: str) -> bytes:
        opened.append(path)
        return b""

    monkeypatch.setattr("infrastructure.filesystem.old_form._head", head)
    assert not holds_old_form(tmp_path)
    assert len(opened) == MOST
