"""Every command on DynamoDB, SQS and S3, beside a server process on the same storage."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import urllib3

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from entrypoints.cli.terminal.container_context import open_container
from infrastructure.aws.dynamodb.dynamodb_conversation_items import conversation_to_item
from infrastructure.aws.dynamodb.dynamodb_values import AttributeValue
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.settings import VARIABLES
from tests.builders import NOW, RECIPIENT, a_conversation, verified
from tests.contracts.legacy_histories import an_entry
from tests.emulators import EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk
from tests.infrastructure.aws.dynamodb.dynamodb_tables import entry_of
from tests.processes import environment, run, server_process

ACCOUNT_SID, TOKEN = "AC" + "5" * 32, "a-token-of-nobody"
SECRETS = {
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "SENDGRID_BASIC_AUTH": "frontdesk:a-password-of-nobody",
}
ANA = {"sms": "+14155550123", "whatsapp": "+14155550123", "email": "ana@example.com"}


@pytest.fixture(scope="module")
def environ(
    ministack: EmulatedAws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """The settings of this process and of the server, which sends no fallbacks."""
    settings = {**aws_settings(ministack), **SECRETS, "REPLY_DELAY_SECONDS": "0"}
    settings |= {"FALLBACK_MAX_PER_HOUR": "0"}
    environ = environment(tmp_path_factory.mktemp("aws") / "never-made", **settings)
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name.upper(), raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        yield environ


@pytest.fixture(scope="module")
def demo(environ: Mapping[str, str]) -> dict[str, str]:
    """The ids of the demo conversations by channel."""
    opened = json_lines(run_frontdesk("demo", "--json"))
    assert [line["created"] for line in opened] == [True] * 3
    return {line["primary_channel"]: line["conversation_id"] for line in opened}


@pytest.fixture(scope="module")
def server(
    environ: Mapping[str, str], demo: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The origin of a server."""
    with server_process(environ, tmp_path_factory.mktemp("server") / "log") as process:
        assert "keeps its data in DynamoDB" in process.printed
        yield process.origin


def send(server: str, channel: str, *arguments: str, sender: str | None = None) -> dict[str, Any]:
    """Send one message, which must be accepted."""
    url = f"{server}/webhooks/{channel}"
    (line,) = json_lines(
        run_frontdesk(
            "send", channel, "--from", sender or ANA[channel], "--url", url, "--json", *arguments
        )
    )
    return line


def read(queue: str, *arguments: str) -> list[dict[str, Any]]:
    return json_lines(run_frontdesk("queues", "read", queue, "--json", *arguments))


def test_second_demo_run_changes_nothing(demo: Mapping[str, str]) -> None:
    again = json_lines(run_frontdesk("demo", "--json"))
    assert {line["primary_channel"]: line["conversation_id"] for line in again} == demo
    assert not any(line["created"] for line in again)


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_sent_message_is_shown_and_stays_on_its_queue_until_acknowledged(
    server: str, demo: Mapping[str, str], channel: str
) -> None:
    message_id = send(server, channel, "--body", "Is it on its way?")["message_id"]

    (shown,) = json_lines(run_frontdesk("conversations", "show", demo[channel], "--json"))
    assert [message["message_id"] for message in shown["messages"]] == [message_id]

    (backlog,) = read(f"{channel}-replies", "--max", "1")
    assert backlog["context"]["message"]["message_id"] == message_id
    done = run_frontdesk("queues", "acknowledge", f"{channel}-replies", backlog["receipt"])
    assert done.stdout == f"{channel}-replies: acknowledged\n"


def test_missing_queue_is_named_beside_the_depths_of_the_others(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMS_REPLIES_QUEUE_URL", f"{environ['SMS_REPLIES_QUEUE_URL']}-gone")
    result = run_frontdesk("queues", "list", "--json")
    depths = {depth["queue"]: depth for depth in map(json.loads, result.stdout.splitlines())}
    assert depths["email-handoff"]["ready"] == 0
    error = depths["sms-replies"]["error"]
    assert error.startswith("there is no queue sms-replies (")
    assert error.endswith("). Create it, or correct SMS_REPLIES_QUEUE_URL")
    assert error_line(result, 1).endswith(error)
    assert run_frontdesk("queues", "read", "sms-handoff").stdout == "sms-handoff: empty\n"


def test_conversation_is_opened_listed_and_handed_off(server: str) -> None:
    sender = "+14155550177"
    wanted = ("--channel", "sms", "--sender", sender, "--recipient", "+15005550006")
    (opened,) = json_lines(run_frontdesk("conversations", "open", *wanted, "--json"))
    listed = json_lines(run_frontdesk("conversations", "list", "--json"))
    assert opened["conversation_id"] in {line["conversation_id"] for line in listed}

    switched = run_frontdesk("conversations", "hand-off", opened["conversation_id"], "on")
    assert "a human answers from now on" in switched.stdout
    send(server, "sms", "--body", "A human, please", sender=sender)

    depths = {
        line["queue"]: line["ready"]
        for line in json_lines(run_frontdesk("queues", "list", "--json"))
    }
    assert depths["sms-handoff"] == 1
    (backlog,) = read("sms-handoff", "--max", "1", "--acknowledge")
    assert backlog["context"]["message"]["body"] == "A human, please"


def test_unmatched_message_is_redriven_after_its_conversation_is_opened(server: str) -> None:
    sender = "+14155550188"
    message_id = send(server, "whatsapp", "--body", "Hello?", sender=sender)["message_id"]
    (unmatched,) = json_lines(run_frontdesk("unmatched", "list", "--json"))
    assert unmatched["message_id"] == message_id

    run_frontdesk("conversations", "open", "--channel", "whatsapp", "--sender", sender)
    (redriven,) = json_lines(run_frontdesk("unmatched", "redrive", "--json"))
    assert redriven["conversation_id"] is not None
    assert run_frontdesk("unmatched", "list").stdout == "Nothing is unmatched.\n"
    (backlog,) = read("whatsapp-replies", "--acknowledge")
    assert backlog["context"]["message"]["message_id"] == message_id


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_message_is_traced_though_its_queue_shows_nothing(
    server: str, demo: Mapping[str, str], channel: str
) -> None:
    message_id = send(server, channel, "--body", "Where is it?")["message_id"]
    (found,) = json_lines(run_frontdesk("trace", message_id, "--json"))
    (message,) = found["messages"]
    assert (message["state"], message["conversation_id"]) == ("queued", demo[channel])
    queued = message["stations"][-1]
    assert (queued["kind"], queued["details"]["queue"]) == ("queued", f"{channel}-replies")
    assert "This queue does not show what is in it" in found["sentence"]
    assert "filter request_id = " in found["notes"][0]
    (latest, *_) = json_lines(run_frontdesk("trace", ANA[channel], "--json"))[0]["messages"]
    assert latest["request_id"] == message["request_id"]
    read(f"{channel}-replies", "--acknowledge")


def test_message_that_never_came_leads_to_the_log_of_the_functions(environ: object) -> None:
    assert environ
    result = run_frontdesk("trace", "SM404")
    assert error_line(result, 1) == "frontdesk: no message is known of SM404"
    assert 'filter outcome = "refused"' in result.stdout
    assert "this spool shows nothing of what is in it" in result.stdout


def test_unreadable_webhook_is_a_dead_letter_to_list_show_redrive_and_delete(server: str) -> None:
    webhook = TwilioSimulator(ACCOUNT_SID, TOKEN).request(
        f"{server}/webhooks/sms",
        ChannelType.SMS,
        sender="",
        recipient=RECIPIENT[ChannelType.SMS],
        body="From nobody",
    )
    response = urllib3.request("POST", webhook.url, body=webhook.body, headers=webhook.headers)
    assert response.status == 200
    (dead_letter,) = json_lines(run_frontdesk("dead-letters", "list", "--json"))
    assert dead_letter["kind"] == "unreadable"

    (shown,) = json_lines(
        run_frontdesk("dead-letters", "show", dead_letter["dead_letter_id"], "--json")
    )
    assert base64.b64decode(shown["body_base64"]) == webhook.body
    assert (
        "From nobody" in run_frontdesk("dead-letters", "show", dead_letter["dead_letter_id"]).stdout
    )

    again = run_frontdesk("dead-letters", "redrive", "--all", "--kind", "unreadable")
    assert f"failed again, first {dead_letter['dead_letter_id']}" in error_line(again, 1)
    (still,) = json_lines(run_frontdesk("dead-letters", "list", "--json"))
    assert still == {**dead_letter, "attempts": 2}

    deleted = run_frontdesk("dead-letters", "delete", dead_letter["dead_letter_id"], "--yes")
    assert deleted.stdout == "1 dead letter deleted.\n"
    assert run_frontdesk("dead-letters", "list", "--json").stdout == ""


def test_dead_letter_becomes_a_message_after_its_cause_is_fixed(
    server: str, demo: Mapping[str, str]
) -> None:
    webhook = TwilioSimulator(ACCOUNT_SID, TOKEN).request(
        f"{server}/webhooks/sms",
        ChannelType.SMS,
        sender=ANA["sms"],
        recipient=RECIPIENT[ChannelType.SMS],
        body="Once more",
    )
    dead_letter = DeadLetter(
        dead_letter_id="bug-1",
        kind=DeadLetterKind.BUG,
        reason="KeyError",
        attempts=1,
        created_at=NOW,
        webhook=verified(
            WebhookRequest(
                "POST",
                webhook.url,
                tuple((name.lower(), value) for name, value in webhook.headers.items()),
                webhook.body,
                NOW,
            ),
            ACCOUNT_SID,
        ),
    )
    with open_container() as container:
        container.dead_letters().store(dead_letter)
    redriven = run_frontdesk("dead-letters", "redrive", "bug-1")
    assert redriven.stdout == "bug-1: recorded\n1 dead letter redriven.\n"
    assert run_frontdesk("dead-letters", "list", "--json").stdout == ""
    (backlog,) = read("sms-replies", "--acknowledge")
    assert backlog["context"]["message"]["body"] == "Once more"
    assert backlog["context"]["conversation"]["conversation_id"] == demo["sms"]


def test_tampered_webhook_is_refused(server: str) -> None:
    url = f"{server}/webhooks/sms"
    refused = run_frontdesk(
        "send", "sms", "--from", ANA["sms"], "--body", "Hi", "--tamper", "--url", url
    )
    assert "401 Unauthorized" in error_line(refused, 1)


def test_history_in_an_old_record_is_migrated_and_shown_unchanged(
    environ: Mapping[str, str], ministack: EmulatedAws
) -> None:
    old = a_conversation(conversation_id="old-record", sender_id="+14155550166")
    entries: AttributeValue = {"L": [entry_of(an_entry(number)) for number in range(3)]}
    ministack.dynamodb.put_item(
        TableName=environ["CONVERSATIONS_TABLE"],
        Item={**conversation_to_item(old), "messages": entries},
    )
    before = run_frontdesk("conversations", "show", "old-record").stdout
    (migrated,) = json_lines(run_frontdesk("migrate", "--json"))
    assert (migrated["conversation_id"], migrated["imported"]) == ("old-record", 3)
    assert run_frontdesk("conversations", "show", "old-record").stdout == before
    assert run_frontdesk("migrate", "--json").stdout == ""


def test_doctor_reports_only_the_missing_dead_letter_queues(server: str) -> None:
    result = run_frontdesk("doctor")
    errors = [line for line in result.stdout.splitlines() if line.startswith("error")]
    assert error_line(result, 1) == "frontdesk: 2 problems found"
    assert all("no dead-letter queue, expected a RedrivePolicy" in line for line in errors)
    assert TOKEN not in result.output


def test_server_does_not_start_without_its_tables(environ: Mapping[str, str]) -> None:
    wrong = {**environ, "MESSAGES_TABLE": "no-such-table"}
    done = run("serve", "--port", "0", environ=wrong)
    assert done.returncode == 1
    assert done.stderr == (
        "frontdesk: the backends are not as expected: "
        "table no-such-table: expected one, found none\n"
    )


def test_message_whose_queue_is_gone_says_why_without_the_log(
    server: str, environ: Mapping[str, str], ministack: EmulatedAws
) -> None:
    sender = "+14155550155"
    wanted = ("--channel", "whatsapp", "--sender", sender, "--recipient", "+15005550010")
    run_frontdesk("conversations", "open", *wanted, "--hand-off")
    url = environ["WHATSAPP_HANDOFF_QUEUE_URL"]
    ministack.sqs.delete_queue(QueueUrl=url)
    try:
        message_id = send(server, "whatsapp", "--body", "Anybody?", sender=sender)["message_id"]
    finally:
        ministack.sqs.create_queue(QueueName=url.rpartition("/")[2])
    (traced,) = json_lines(run_frontdesk("trace", message_id, "--json"))
    assert (
        ": there is no queue whatsapp-handoff (AWS.SimpleQueueService.NonExistentQueue). Create "
        "it, or correct WHATSAPP_HANDOFF_QUEUE_URL. Then wait: it is tried in "
    ) in traced["sentence"]
    (message,) = traced["messages"]
    assert message["state"] == "pending"
