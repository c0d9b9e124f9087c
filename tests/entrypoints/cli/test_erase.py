"""``frontdesk erase``."""

import pytest
from click.testing import CliRunner

from domain.addresses import ChannelType
from domain.messages import Attachment
from entrypoints.cli.main import cli
from entrypoints.container import Container
from tests.builders import KEY, SENDER, a_conversation, a_record, an_inbound_message
from tests.entrypoints.cli.support import error_line, frontdesk, json_lines

NUMBER = SENDER[ChannelType.SMS]
ERASE = ("erase", "--sender", NUMBER, "--yes")


@pytest.fixture
def filled(container: Container) -> Container:
    """A conversation with a message, and an unmatched one on WhatsApp."""
    container.conversation_store().open_conversation(a_conversation())
    files = (Attachment("image/png", url="https://media.example/1"),)
    messages = container.message_store()
    messages.record(a_record(an_inbound_message(attachments=files)))
    unmatched = an_inbound_message(ChannelType.WHATSAPP, message_id="W1")
    messages.record(a_record(unmatched, None, request_id="another"))
    return container


def test_with_nothing_kept_it_says_so() -> None:
    assert frontdesk(*ERASE).stdout == "There was nothing.\n"


def test_it_tells_what_was_erased_and_what_was_not(filled: Container) -> None:
    assert frontdesk(*ERASE).stdout.splitlines() == [
        "Erased: 2 messages, 1 conversation.",
        "  conversation conversation-1 on sms",
        "Still at the provider: https://media.example/1",
    ]
    assert filled.message_store().history(KEY) == ()
    assert filled.message_store().list_unmatched(10) == ()


def test_one_channel_can_be_asked_for_alone(filled: Container) -> None:
    told = frontdesk(*ERASE, "--channel", "whatsapp").stdout
    assert told == "Erased: 1 message.\n"
    assert len(filled.message_store().history(KEY)) == 1


def test_json_is_one_record(filled: Container) -> None:
    (told,) = json_lines(frontdesk(*ERASE, "--json"))
    assert told == {
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
        "answers": 0,
        "conversation_ids": ["conversation-1"],
        "other_identities": [],
        "provider_files": ["https://media.example/1"],
        "not_reached": [],
        "failed": [],
    }


def test_where_nobody_can_be_asked_it_wants_to_be_told(filled: Container) -> None:
    assert error_line(frontdesk("erase", "--sender", NUMBER), 2) == (
        "frontdesk erase: nobody can be asked here: add --yes; see 'frontdesk erase --help'"
    )
    assert len(filled.message_store().history(KEY)) == 1


def test_what_is_no_address_is_refused() -> None:
    line = error_line(frontdesk("erase", "--sender", "two words@example", "--yes"), 2)
    assert "is no address of any channel" in line
    line = error_line(frontdesk(*ERASE, "--channel", "email"), 2)
    assert "expected an address like ana@example.com" in line


def test_a_dead_letter_that_nobody_can_read_makes_it_a_failure(filled: Container) -> None:
    broken = filled.settings().data_dir / "dead-letters" / "bug-1.json"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("{")
    result = frontdesk(*ERASE)
    assert error_line(result, 1).startswith(
        "frontdesk: repeat it, for it is not complete: dead letters: "
    )
    assert result.stdout.startswith("Erased: 2 messages")


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1)])
def test_on_a_terminal_it_asks_first(
    filled: Container, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    result = CliRunner().invoke(cli, ["erase", "--sender", NUMBER], input=answer)
    assert f"Erase everything that is kept of {NUMBER} (whatsapp, sms), for ever?" in result.stderr
    assert len(filled.message_store().history(KEY)) == left
