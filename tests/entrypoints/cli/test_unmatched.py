"""``frontdesk unmatched``."""

import uuid
from datetime import timedelta

import pytest

from entrypoints.composition.container import Container
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.builders import NOW, a_record, an_inbound_message
from tests.entrypoints.cli.support import cursor_in, json_lines, run_frontdesk


def given_unmatched_message(container: Container, number: int, **changes: object) -> None:
    """Record a message to the development account from an unknown sender."""
    account = keep_development_credentials(container.settings().data_dir).twilio_account_sid
    message = an_inbound_message(
        message_id=f"SM{number:032}",
        account=account,
        received_at=NOW + timedelta(seconds=number),
        **changes,  # type: ignore[arg-type]
    )
    container.message_store().record(a_record(message, conversation=None))


@pytest.mark.usefixtures("empty_database")
def test_unmatched_commands_report_that_nothing_is_unmatched() -> None:
    assert run_frontdesk("unmatched", "list").stdout == "Nothing is unmatched.\n"
    assert run_frontdesk("unmatched", "redrive").stdout == "Nothing is unmatched.\n"
    assert run_frontdesk("unmatched", "list", "--json").stdout == ""


def test_unmatched_list_prints_a_json_line_per_message(container: Container) -> None:
    given_unmatched_message(container, 1, body="Hello?")
    (line,) = json_lines(run_frontdesk("unmatched", "list", "--json"))
    assert uuid.UUID(line.pop("request_id")).version == 8
    assert line == {
        "channel_type": "sms",
        "from": "+14155550123",
        "to": "+15005550006",
        "body": "Hello?",
        "message_id": f"SM{1:032}",
        "timestamp": "2026-03-04T12:00:01.250000Z",
        "subject": None,
    }


def test_unmatched_list_shows_the_oldest_messages_first_up_to_the_limit(
    container: Container,
) -> None:
    for number in range(103):
        given_unmatched_message(container, number)
    result = run_frontdesk("unmatched", "list", "--json", "--limit", "102")
    lines = json_lines(result)
    assert [line["message_id"] for line in lines] == [f"SM{number:032}" for number in range(102)]
    following = ("--after", cursor_in(result.stderr), "--json")
    (last,) = json_lines(run_frontdesk("unmatched", "list", *following))
    assert last["message_id"] == f"SM{102:032}"


def test_unmatched_list_cuts_the_text_and_escapes_control_characters(
    container: Container,
) -> None:
    given_unmatched_message(container, 1, body="\x1b]0;owned\x07" + "long " * 100)
    output = run_frontdesk("unmatched", "list").stdout
    assert r"\x1b]0;owned\x07long long" in output
    assert "…" in output
    assert "\x1b" not in output


def test_redriven_unmatched_message_joins_the_conversation_opened_since(
    container: Container,
) -> None:
    given_unmatched_message(container, 1)
    given_unmatched_message(container, 2, sender="+14155550199")
    run_frontdesk("conversations", "open", "--channel", "sms", "--sender", "+14155550123")
    lines = run_frontdesk("unmatched", "redrive").stdout.splitlines()
    assert lines[0].startswith(f"SM{1:032} of +14155550123 joined ")
    assert lines[1] == "1 message joined a conversation, 1 still unmatched."
    (backlog,) = json_lines(
        run_frontdesk("queues", "read", "sms-replies", "--include-delayed", "--json")
    )
    assert backlog["context"]["message"]["message_id"] == f"SM{1:032}"


def test_unmatched_redrive_prints_the_joined_conversation_as_json(container: Container) -> None:
    given_unmatched_message(container, 1)
    given_unmatched_message(container, 2, sender="+14155550199")
    (opened,) = json_lines(
        run_frontdesk(
            "conversations", "open", "--channel", "sms", "--sender", "+14155550123", "--json"
        )
    )
    lines = json_lines(run_frontdesk("unmatched", "redrive", "--json"))
    joined = {line["from"]: line["conversation_id"] for line in lines}
    assert joined == {"+14155550123": opened["conversation_id"], "+14155550199": None}
