"""What a person sees on a terminal: whole keys, and results beside a progress bar."""

import json

import pytest

from application.ports.dead_letters import DeadLetterKind
from domain.channels import ChannelType
from entrypoints.cli.terminal.tables import Column, print_table
from entrypoints.composition.container import Container
from tests.builders import NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.dead_letters import a_dead_letter
from tests.entrypoints.cli.support import SMS, a_server, run_frontdesk
from tests.entrypoints.cli.terminal.on_terminal import on_terminal
from tests.entrypoints.cli.test_queues import given_context

UUID = "4b0c1d2e-0f1a-5b2c-8d3e-4f5a6b7c8d9e"
LONG_ADDRESS = "a.person.with.a.long.name@department.example.com"
DEAD_LETTER = f"{DeadLetterKind.UNDELIVERABLE}-{UUID}"


@pytest.fixture
def container_with_long_data(container: Container) -> Container:
    """One of everything that a command lists, with long addresses and ids."""
    container.conversation_store().open_conversation(
        a_conversation(ChannelType.EMAIL, conversation_id=UUID, sender_id=LONG_ADDRESS)
    )
    message = an_inbound_message(
        ChannelType.EMAIL, sender=LONG_ADDRESS, message_id=f"<{LONG_ADDRESS}>", body="word " * 50
    )
    container.message_store().record(a_record(message, conversation=None))
    container.dead_letters().store(
        a_dead_letter(DEAD_LETTER, kind=DeadLetterKind.UNDELIVERABLE, reason="a word " * 20)
    )
    given_context(container, UUID, delay_seconds=30)
    return container


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("demo", "whatsapp"),
        ("conversations list", UUID),
        ("queues list", "whatsapp-replies"),
        ("queues look sms-replies", UUID),
        ("unmatched list", f"{NOW:%Y-%m-%d %H:%M:%S}"),
        ("dead-letters list", DEAD_LETTER),
    ],
)
def test_first_column_is_whole_on_80_columns(
    command: str, key: str, container_with_long_data: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.cli.terminal.output._PIPE_COLUMNS", 80)
    table, *_ = run_frontdesk(*command.split()).stdout.split("\n\n")
    lines = table.splitlines()
    assert [line for line in lines if line.split("  ")[0] == key]
    assert max(map(len, lines)) <= 80


def test_columns_that_would_squeeze_the_others_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("entrypoints.cli.terminal.output._PIPE_COLUMNS", 80)
    columns = (
        Column[str]("id", lambda _: DEAD_LETTER, whole=True),
        Column[str]("reason", lambda text: text),
        Column[str]("created", lambda _: "2026-11-28 18:11:31", whole=True),
    )
    print_table(columns, ["a sentence that has to be wrapped"])
    assert capsys.readouterr().out.splitlines() == [
        f"{'id':<{len(DEAD_LETTER)}}  reason",
        f"{DEAD_LETTER}  a sentence that has to be",
        f"{'':<{len(DEAD_LETTER)}}  wrapped",
    ]


@pytest.mark.usefixtures("development")
def test_results_and_the_progress_bar_share_no_line() -> None:
    with a_server() as server:
        arguments = (*SMS, "--body", "Hi", "--times", "3", "--json", "--url", server.url)
        lines = on_terminal(*arguments, columns=40)
    assert [json.loads(line)["status"] for line in lines] == [200] * 3
