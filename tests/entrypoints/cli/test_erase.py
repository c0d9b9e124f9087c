"""``frontdesk erase``."""

import os
import time

import pytest
from click.testing import CliRunner

from domain.channels import ChannelType
from domain.messages import Attachment
from entrypoints.cli.main import cli
from entrypoints.composition.container import Container
from tests.builders import KEY, SENDER, a_conversation, a_record, an_inbound_message
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk

NUMBER = SENDER[ChannelType.SMS]
ERASE = ("erase", "--sender", NUMBER, "--yes")


@pytest.fixture
def container_with_messages(container: Container) -> Container:
    """A conversation with a message, and an unmatched one on WhatsApp."""
    container.conversation_store().open_conversation(a_conversation())
    files = (Attachment("image/png", url="https://media.example/1"),)
    messages = container.message_store()
    messages.record(a_record(an_inbound_message(attachments=files)))
    unmatched = an_inbound_message(ChannelType.WHATSAPP, message_id="W1")
    messages.record(a_record(unmatched, None))
    return container


@pytest.mark.usefixtures("empty_database")
def test_erase_of_an_unknown_sender_reports_that_there_was_nothing() -> None:
    assert run_frontdesk(*ERASE).stdout == "There was nothing.\n"


def test_erase_reports_what_was_erased_and_what_the_provider_still_holds(
    container_with_messages: Container,
) -> None:
    assert run_frontdesk(*ERASE).stdout.splitlines() == [
        "Erased: 2 messages, 1 conversation.",
        "  conversation conversation-1 on sms",
        "Still at the provider: https://media.example/1",
    ]
    assert container_with_messages.message_store().history(KEY) == ()
    assert container_with_messages.message_store().list_unmatched(10).items == ()


def test_erase_of_one_channel_leaves_the_other_channel_and_names_it(
    container_with_messages: Container,
) -> None:
    output = run_frontdesk(*ERASE, "--channel", "whatsapp").stdout
    assert output.splitlines() == [
        "Erased: 1 message.",
        f"The data of {NUMBER} on sms stays: frontdesk erase --sender {NUMBER} --channel sms",
    ]
    assert len(container_with_messages.message_store().history(KEY)) == 1


def test_erase_of_an_address_with_a_scheme_is_limited_to_its_channel(
    container_with_messages: Container,
) -> None:
    output = run_frontdesk("erase", "--sender", f"whatsapp:{NUMBER}", "--yes").stdout
    assert f"The data of {NUMBER} on sms stays" in output
    (record,) = json_lines(
        run_frontdesk("erase", "--sender", f"whatsapp:{NUMBER}", "--yes", "--json")
    )
    assert record["left_out"] == [{"channel": "sms", "address": NUMBER}]
    assert len(container_with_messages.message_store().history(KEY)) == 1


def test_erase_deletes_stale_temporary_files_and_leaves_recent_ones(
    container_with_messages: Container,
) -> None:
    spool = container_with_messages.settings().data_dir / "spool"
    spool.mkdir(exist_ok=True)
    old, new = spool / ".old.incoming", spool / ".new.incoming"
    for path in (old, new):
        path.write_text(NUMBER)
    minutes_ago = time.time() - 6 * 60
    os.utime(old, (minutes_ago, minutes_ago))
    output = run_frontdesk(*ERASE).stdout
    assert output.startswith("Erased: 2 messages, 1 conversation, 1 stale temporary file.")
    assert list(spool.glob(".*.incoming")) == [new]


def test_erase_prints_json_as_one_record(container_with_messages: Container) -> None:
    (output,) = json_lines(run_frontdesk(*ERASE, "--json"))
    assert output == {
        "erased": [
            {"channel": "whatsapp", "address": NUMBER},
            {"channel": "sms", "address": NUMBER},
        ],
        "messages": 2,
        "imported_entries": 0,
        "conversations": 1,
        "files": 0,
        "contexts": 0,
        "spooled": 0,
        "dead_letters": 0,
        "stale_temporary_files": 0,
        "conversation_ids": ["conversation-1"],
        "other_identities": [],
        "provider_files": ["https://media.example/1"],
        "left_out": [],
        "not_reached": [],
        "failed": [],
    }


def test_erase_without_a_terminal_requires_the_yes_option(
    container_with_messages: Container,
) -> None:
    assert error_line(run_frontdesk("erase", "--sender", NUMBER), 2) == (
        "frontdesk erase: there is no terminal to ask on: add --yes; see 'frontdesk erase --help'"
    )
    assert len(container_with_messages.message_store().history(KEY)) == 1


def test_erase_refuses_an_invalid_address() -> None:
    line = error_line(run_frontdesk("erase", "--sender", "two words@example", "--yes"), 2)
    assert "is no address of any channel" in line
    line = error_line(run_frontdesk(*ERASE, "--channel", "email"), 2)
    assert "expected an address like ana@example.com" in line


@pytest.mark.parametrize(
    ("sender", "options"),
    [
        ("rcs:+14155550188", ()),
        ("rcs:+14155550188", ("--channel", "sms")),
        ("messenger:1234567890123456", ()),
        ("4155550188", ("--channel", "sms")),
    ],
)
def test_erase_takes_an_uninterpreted_address_as_it_is_stored(
    container: Container, sender: str, options: tuple[str, ...]
) -> None:
    message = an_inbound_message(sender=sender)
    container.message_store().record(a_record(message, conversation=None))
    output = run_frontdesk("erase", "--sender", sender, "--yes", *options).stdout
    assert output.startswith("Erased: 1 message.")


def test_erase_of_a_number_without_its_plus_asks_for_the_channel() -> None:
    line = error_line(run_frontdesk("erase", "--sender", "4155550188", "--yes"), 2)
    assert "is no address of any channel" in line


def test_erase_reports_a_dead_letter_that_cannot_be_read(
    container_with_messages: Container,
) -> None:
    broken = container_with_messages.settings().data_dir / "dead-letters" / "bug-1.json"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("{")
    *_, output = run_frontdesk(*ERASE).stdout.splitlines()
    assert output == (
        f"Not reached: 1 unreadable dead letter, perhaps of this person: {broken.absolute()}."
    )


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1)])
def test_erase_on_a_terminal_asks_for_confirmation(
    container_with_messages: Container, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    result = CliRunner().invoke(cli, ["erase", "--sender", NUMBER], input=answer)
    assert f"Erase all data of {NUMBER} (whatsapp, sms), for ever?" in result.stderr
    assert len(container_with_messages.message_store().history(KEY)) == left


def test_erase_names_the_remaining_channels_before_it_asks_for_confirmation(
    container_with_messages: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    arguments = ["erase", "--sender", f"whatsapp:{NUMBER}"]
    result = CliRunner().invoke(cli, arguments, input="n\n")
    output, asked = result.stderr.splitlines()[:2]
    assert output.startswith(f"The data of {NUMBER} on sms stays: frontdesk erase")
    assert asked.startswith(f"Erase all data of {NUMBER} (whatsapp), for ever?")
    assert container_with_messages.message_store().list_unmatched(10).items != ()
