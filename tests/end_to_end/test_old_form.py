"""Data of an unreleased version is refused with one line, and left as it is."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from infrastructure.serialization.webhook_json import dead_letter_to_json, entry_to_json
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.spool import an_entry
from tests.processes import environment, run


def database(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE messages (content TEXT)")
        connection.execute("PRAGMA user_version = 1")


def document(path: Path, text: str | bytes) -> None:
    content = json.loads(text)
    del content["version"]
    path.parent.mkdir()
    path.write_text(json.dumps(content))


OLD: dict[str, Callable[[Path], None]] = {
    "frontdesk.db": lambda data_dir: database(data_dir / "frontdesk.db"),
    "queues.db": lambda data_dir: database(data_dir / "queues.db"),
    "spool": lambda data_dir: document(data_dir / "spool" / "a.json", entry_to_json(an_entry())),
    "dead-letters": lambda data_dir: document(
        data_dir / "dead-letters" / "bug-1.json", dead_letter_to_json(a_dead_letter())
    ),
}


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def frontdesk(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run(*arguments, environ=environment(data_dir))


@pytest.mark.parametrize("name", OLD)
def test_server_command_and_doctor_refuse_it_and_touch_nothing(tmp_path: Path, name: str) -> None:
    OLD[name](tmp_path)
    before = contents(tmp_path)
    told = (
        f"{tmp_path} holds data in the form of an unreleased version of Frontdesk ({name}): "
        "move this directory away, and a new one is made"
    )
    for arguments in (("serve", "--port", "0"), ("queues", "list")):
        done = frontdesk(tmp_path, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"frontdesk: {told}\n")
    done = frontdesk(tmp_path, "doctor")
    assert (done.returncode, done.stderr) == (1, "frontdesk: 1 problem found\n")
    assert done.stdout == f"error   data directory  {told}\n"
    assert contents(tmp_path) == before


def test_a_directory_of_today_is_taken(tmp_path: Path) -> None:
    assert frontdesk(tmp_path, "demo").returncode == 0
    assert frontdesk(tmp_path, "queues", "list").returncode == 0
