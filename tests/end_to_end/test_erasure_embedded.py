"""Erasing a person from one machine: its queues, its files, byte for byte, and by command."""

import json

import pytest
from click.testing import CliRunner

from application.ports.context_queue import DelayedReader
from domain.queues import QueueKind, QueueName
from entrypoints.cli.main import cli
from infrastructure.sqlite.database import SqliteDatabase
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.person_data import Person, found
from tests.end_to_end.responses import SMS

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def zora() -> Person:
    return Person("zoraquill", "+14155557311")


@pytest.fixture
def frontdesk_with_data(frontdesk: RunningFrontDesk, zora: Person) -> RunningFrontDesk:
    """A desk where she and somebody else have been."""
    zora.leave_data(frontdesk)
    Person("odobrandt", "+14155557322").leave_data(frontdesk)
    return frontdesk


def test_no_context_of_an_erased_person_can_be_read(
    frontdesk_with_data: RunningFrontDesk, zora: Person
) -> None:
    reader = frontdesk_with_data.container.context_queue()
    replies = QueueName(SMS, QueueKind.REPLIES)
    assert isinstance(reader, DelayedReader)
    reader.receive_with_delayed(replies, 1)
    frontdesk_with_data.container.operations().erase_person()(zora.addresses, lambda _: None)
    senders = {
        c.message.sender for contexts in frontdesk_with_data.contexts().values() for c in contexts
    }
    assert not senders & {zora.number, zora.mailbox}


def test_erase_command_erases_a_person_and_reports_it(
    frontdesk_with_data: RunningFrontDesk, zora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(frontdesk_with_data.data_dir))
    arguments = ["erase", "--sender", zora.number, "--yes", "--json"]
    report = json.loads(CliRunner().invoke(cli, arguments).stdout)
    assert report["messages"] == 6
    assert sorted(report["conversation_ids"]) == [f"sms-{zora.name}", f"whatsapp-{zora.name}"]
    CliRunner().invoke(cli, ["erase", "--sender", zora.mailbox, "--yes"])
    assert found(frontdesk_with_data, zora) == []


def test_erasure_removes_old_pages_of_a_database_without_secure_delete(
    frontdesk_with_data: RunningFrontDesk, zora: Person
) -> None:
    with SqliteDatabase(frontdesk_with_data.data_dir / "frontdesk.db").write() as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("UPDATE contexts SET context = NULL")
    frontdesk_with_data.container.operations().erase_person()(zora.addresses, lambda _: None)
    assert found(frontdesk_with_data, zora) == []
