"""``frontdesk trace``."""

import json
from pathlib import Path

import pytest

from application.clock import Deadline
from domain.channels import ChannelType
from entrypoints.cli.terminal import output
from entrypoints.composition.container import Container
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.builders import a_conversation, an_inbound_message
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk


def receive(container: Container, message_id: str = "SM1", **changes: object) -> str:
    """Receive a message to the development account; its request id."""
    account = keep_development_credentials(container.settings().data_dir).twilio_account_sid
    message = an_inbound_message(
        message_id=message_id,
        account=account,
        received_at=container.clock()(),
        **changes,  # type: ignore[arg-type]
    )
    container.record_message()(message, Deadline.after())
    return message.request_id


def test_way_of_a_message_is_shown_with_what_to_do(container: Container) -> None:
    container.conversation_store().open_conversation(a_conversation())
    request_id = receive(container)
    lines = run_frontdesk("trace", "SM1").stdout.splitlines()
    assert lines[0].startswith("It went to the AI: it is on sms-replies, and consumers see")
    assert lines[1].startswith("REPLY_DELAY_SECONDS makes it wait")
    assert lines[2:4] == ["", "Message SM1 (sms)"]
    kinds = [line.split()[3] for line in lines[4:9]]
    assert kinds == ["received", "recorded", "matched", "queued", "waiting"]
    assert f"request id: {request_id}" in lines[5]
    assert "rule: the only open one" in lines[6]
    assert lines[9].startswith("Note: it is processed once, however often the provider delivers")


def test_trace_as_json_has_stations_and_conclusion(container: Container) -> None:
    container.conversation_store().open_conversation(a_conversation())
    request_id = receive(container)
    (found,) = json_lines(run_frontdesk("trace", request_id, "--json"))
    assert (found["traced"], found["kind"]) == (request_id, "request_id")
    (message,) = found["messages"]
    assert message["sentence"] == found["sentence"]
    assert message["cause"] == found["cause"] != ""
    assert message["remedy"] == found["remedy"] == ""
    assert message["commands"] == found["commands"] == []
    assert (message["state"], message["company_id"]) == ("delayed", "acme")
    assert (message["request_id"], message["from"]) == (request_id, "+14155550123")
    waiting = message["stations"][-1]
    assert (waiting["kind"], waiting["details"]["queue"]) == ("waiting", "sms-replies")
    assert waiting["at"].endswith("Z")


def test_messages_of_a_customer_have_a_line_each(container: Container) -> None:
    ids = [receive(container, f"SM{number}") for number in range(3)]
    output = run_frontdesk("trace", "+14155550123").stdout.splitlines()
    assert output[0].startswith("Cause: The latest message: It has been unmatched for ")
    assert output[1] == "Do: Open a conversation, then deliver the message."
    addresses = "--sender +14155550123 --recipient +15005550006"
    assert output[2:4] == [
        f"  frontdesk conversations open --channel sms {addresses}",
        "  frontdesk unmatched redrive",
    ]
    assert output[4].startswith("No fallback was sent")
    assert [line.split()[2] for line in output[7:10]] == ids[::-1]
    assert all("unmatched" in line for line in output[7:10])
    assert output[10] == f"Note: 'frontdesk trace {ids[2]}' shows the whole way of the latest."


def test_messages_with_one_id_are_told_apart_by_author_and_subject(container: Container) -> None:
    for number in range(2):
        receive(
            container,
            "<1@mail.example>",
            channel=ChannelType.EMAIL,
            subject=f"Matter {number}",
            content_hash=str(number),
            body=f"Text {number}",
        )
    output = run_frontdesk("trace", "<1@mail.example>").stdout
    assert "Several different messages carry this id." in output
    rows = [line for line in output.splitlines() if "Matter" in line]
    assert len(rows) == 2
    assert all("ana@example.com" in row for row in rows)


def test_mail_is_traced_by_its_message_id(container: Container) -> None:
    receive(container, "<1@mail.example>", channel=ChannelType.EMAIL)
    assert "Message <1@mail.example> (email)" in run_frontdesk("trace", "1@mail.example").stdout


@pytest.mark.usefixtures("empty_database")
def test_nothing_known_is_one_line_and_exit_status_1() -> None:
    result = run_frontdesk("trace", "SM404")
    assert error_line(result, 1) == "frontdesk: no message is known of SM404"
    assert result.stdout.startswith("Cause: Nothing is known of SM404: there is no record, ")
    assert "Do: Look in the provider's own log for the answer that it got" in result.stdout


def test_address_of_our_own_leads_to_what_is_unmatched(container: Container) -> None:
    receive(container)
    result = run_frontdesk("trace", "+15005550006")
    assert error_line(result, 1) == "frontdesk: no message is known of +15005550006"
    assert result.stdout.startswith(
        "Cause: +15005550006 is one of your own addresses, which customers"
    )
    assert "\n  frontdesk unmatched list\n1 unmatched message was sent to it.\n" in result.stdout


def test_conversation_without_messages_shows_the_refusals_too(container: Container) -> None:
    container.conversation_store().open_conversation(a_conversation())
    container.refusals().add(ChannelType.SMS, "", "too_large", "")
    container.refusals().add(None, "", "path_unknown", "")
    assert container.refusals().latest()  # it is written now
    result = run_frontdesk("trace", "+14155550123")
    assert error_line(result, 1) == "frontdesk: no message is known of +14155550123"
    assert result.stdout.startswith("Cause: It was probably refused, as ")
    assert "No message from +14155550123 is recorded." in result.stdout
    assert "Refused: sms: 1 webhook at " in result.stdout
    assert "too_large. They are over MAX_BODY_BYTES" in result.stdout
    assert "MAX_BODY_BYTES is 33554432." in result.stdout
    assert "to a path that is no webhook (404). The right URLs end with " in result.stdout


def test_lines_fit_the_terminal_and_no_command_is_broken(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.refusals().add(ChannelType.SMS, "AC1", "signature_mismatch", "https://a.example/sms")
    container.refusals().latest()  # it is written now
    container.conversation_store()
    monkeypatch.setattr(output, "_PIPE_COLUMNS", 80)
    result = run_frontdesk("trace", "SM404")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "'frontdesk doctor --probe'" in result.stdout
    assert "'frontdesk doctor signature FILE'" in result.stdout


def test_nothing_known_shows_the_refusals_of_the_channel(container: Container) -> None:
    container.conversation_store()
    container.refusals().add(ChannelType.SMS, "AC1", "signature_mismatch", "https://a.example/sms")
    assert container.refusals().latest()  # it is written now
    result = run_frontdesk("trace", "SM404")
    assert "\nRefused: sms: 1 webhook at " in result.stdout
    assert "signature_mismatch of account AC1, checked with https://a.example/sms. Either " in (
        result.stdout
    )
    assert error_line(result, 1) == "frontdesk: no message is known of SM404"
    (found,) = json_lines_of_failure("SM404")
    assert found["refusals"][0]["account"] == "AC1"


def json_lines_of_failure(text: str) -> list[dict[str, list[dict[str, str]]]]:
    result = run_frontdesk("trace", text, "--json")
    assert result.exit_code == 1
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_trace_without_data_creates_none(data_dir: Path) -> None:
    assert "there is no data in" in error_line(run_frontdesk("trace", "SM1"), 1)
    assert not data_dir.exists()


def test_blank_argument_is_a_usage_error() -> None:
    assert "expected an id or an address" in error_line(run_frontdesk("trace", " "), 2)


def test_tracing_creates_no_spool_and_no_dead_letters(container: Container, data_dir: Path) -> None:
    receive(container)
    before = sorted(path.name for path in data_dir.iterdir())
    run_frontdesk("trace", "SM1")
    run_frontdesk("trace", "SM404")
    assert sorted(path.name for path in data_dir.iterdir()) == before


def test_broken_store_is_named_and_hides_no_dead_letter(
    container: Container, data_dir: Path
) -> None:
    container.conversation_store()
    container.shutdown_resources()
    for file in data_dir.glob("frontdesk.db*"):
        file.write_bytes(b"no database at all" * 1000)
    result = run_frontdesk("trace", "SM404")
    assert error_line(result, 1) == "frontdesk: no message is known of SM404"
    assert result.stdout.startswith(
        "Cause: It is not known whether SM404 is recorded: the database does not answer: "
    )
