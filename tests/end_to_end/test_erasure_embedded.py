"""Erasing a person from one machine: its queues, its files, byte for byte, and by command."""

import json

import pytest
from click.testing import CliRunner

from domain.routing import QueueKind, QueueName
from entrypoints.cli.main import cli
from infrastructure.sqlite.database import SqliteDatabase
from tests.end_to_end.answers import SMS
from tests.end_to_end.desk import Desk
from tests.end_to_end.people import Person, found

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def zora() -> Person:
    return Person("zoraquill", "+14155557311")


@pytest.fixture
def visited(desk: Desk, zora: Person) -> Desk:
    """A desk where she and somebody else have been."""
    zora.leaves_traces(desk)
    Person("odobrandt", "+14155557322").leaves_traces(desk)
    return desk


def test_no_context_of_an_erased_person_can_be_read(visited: Desk, zora: Person) -> None:
    reader = visited.container.context_queue()
    replies = QueueName(SMS, QueueKind.REPLIES)
    reader.receive(replies, 1, include_delayed=True)
    visited.container.erase_person()(zora.addresses, lambda _: None)
    senders = {c.message.sender for contexts in visited.contexts().values() for c in contexts}
    assert not senders & {zora.number, zora.mailbox}


def test_erase_command_erases_a_person_and_reports_it(
    visited: Desk, zora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(visited.data_dir))
    arguments = ["erase", "--sender", zora.number, "--yes", "--json"]
    told = json.loads(CliRunner().invoke(cli, arguments).stdout)
    assert told["messages"] == 6
    assert sorted(told["conversation_ids"]) == [f"sms-{zora.name}", f"whatsapp-{zora.name}"]
    CliRunner().invoke(cli, ["erase", "--sender", zora.mailbox, "--yes"])
    assert found(visited, zora) == []


def test_erasure_removes_old_pages_of_a_database_without_secure_delete(
    visited: Desk, zora: Person
) -> None:
    with SqliteDatabase(visited.data_dir / "queues.db").write() as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("UPDATE contexts SET context = NULL")
    visited.container.erase_person()(zora.addresses, lambda _: None)
    assert found(visited, zora) == []
