"""Webhooks through the whole front door on DynamoDB, SQS, S3 and Secrets Manager."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from application.ports.webhook_parser import WebhookRequest, WebhookResponse
from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from entrypoints.composition.container import Container, build_container
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.settings import VARIABLES
from tests.builders import RECIPIENT, SENDER
from tests.emulators import EmulatedAws, unique_name
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables
from tests.infrastructure.aws.sqs_queues import a_spool_queue, created

ACCOUNT_SID = "AC" + "5" * 32
URL = "https://hooks.example.com/webhooks/sms"
HANDOFF = QueueName(ChannelType.SMS, QueueKind.HANDOFF)
REPLIES = QueueName(ChannelType.SMS, QueueKind.REPLIES)


@pytest.fixture
def environ(
    ministack: EmulatedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """New tables, queues, a bucket and a secret; this process reaches them as any other."""
    for name, value in ministack.environ.items():
        monkeypatch.setenv(name, value)
    tables, bucket, secret = Tables.create(ministack), unique_name("blobs"), unique_name("twilio")
    tables.make()
    ministack.s3.create_bucket(Bucket=bucket)
    ministack.secrets_manager.create_secret(Name=secret, SecretString='{"auth_token": "first"}')
    environ = {
        "DATA_DIR": str(tmp_path / "never-made"),
        "STORAGE": "dynamodb",
        **{f"{role.upper()}_TABLE": name for role, name in tables.names.items()},
        "QUEUE": "sqs",
        **{
            f"{queue.channel}_{queue.kind}_QUEUE_URL".upper(): url
            for queue, url in created(ministack).items()
        },
        "BLOBS_BUCKET": bucket,
        "SPOOL_QUEUE_URL": a_spool_queue(ministack),
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": f"secretsmanager:{secret}#auth_token",
        "UNKNOWN_SENDER": "open",
    }
    for name in VARIABLES:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@dataclass
class AwsFrontDesk:
    """The front door, and a clock that can be put forward."""

    container: Container
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def post(self, simulated: SimulatedRequest) -> WebhookResponse:
        headers = tuple((name.lower(), value) for name, value in simulated.headers.items())
        request = WebhookRequest("POST", simulated.url, headers, simulated.body, self.now())
        return self.container.receive_webhook()(request)


@pytest.fixture
def frontdesk(environ: dict[str, str]) -> Iterator[AwsFrontDesk]:
    container = build_container(environ)
    frontdesk = AwsFrontDesk(container)
    container.clock.override(frontdesk.now)
    yield frontdesk
    container.shutdown_resources()


def an_sms(token: str = "first", body: str = "Is my order on its way?") -> SimulatedRequest:
    return TwilioSimulator(ACCOUNT_SID, token).request(
        URL,
        ChannelType.SMS,
        sender=SENDER[ChannelType.SMS],
        recipient=RECIPIENT[ChannelType.SMS],
        body=body,
    )


def hand_off(frontdesk: AwsFrontDesk) -> None:
    """Switch the only conversation to a human, whose queue has no delay."""
    (conversation,) = frontdesk.container.conversation_store().list_conversations(limit=10).items
    frontdesk.container.operations().switch_hand_off()(conversation.conversation_id, on=True)


def test_webhook_is_recorded_once_and_waits_on_its_queue(frontdesk: AwsFrontDesk) -> None:
    webhook = an_sms()
    assert [frontdesk.post(webhook).status for _ in range(2)] == [200, 200]
    depths = {depth.queue: depth for depth in frontdesk.container.context_queue().depths()}
    assert (depths[REPLIES].delayed, depths[REPLIES].ready) == (1, 0)


def test_context_after_a_hand_off_is_on_the_handoff_queue_at_once(frontdesk: AwsFrontDesk) -> None:
    frontdesk.post(an_sms())
    hand_off(frontdesk)
    frontdesk.post(an_sms(body="A human, please \uffff"))
    (delivery,) = frontdesk.container.context_queue().receive(HANDOFF, 1)
    assert delivery.context.message.body == "A human, please \uffff"
    assert delivery.context.conversation.hand_off_to_human


def test_rotated_token_is_accepted_without_a_restart(
    frontdesk: AwsFrontDesk, environ: dict[str, str], ministack: EmulatedAws
) -> None:
    assert frontdesk.post(an_sms()).status == 200
    name = environ["TWILIO_AUTH_TOKEN"].removeprefix("secretsmanager:").partition("#")[0]
    ministack.secrets_manager.put_secret_value(SecretId=name, SecretString='{"auth_token": "2nd"}')
    assert frontdesk.post(an_sms("2nd")).status == 401
    frontdesk.ahead = timedelta(minutes=1)
    assert frontdesk.post(an_sms("2nd")).status == 200


def test_webhook_receives_503_while_its_secret_is_missing(
    environ: dict[str, str],
) -> None:
    environ["TWILIO_AUTH_TOKEN"] = "secretsmanager:nobody-made-it"
    frontdesk = AwsFrontDesk(build_container(environ))
    assert frontdesk.post(an_sms()).status == 503


def test_unreadable_webhook_becomes_a_dead_letter_in_the_bucket(
    frontdesk: AwsFrontDesk, environ: dict[str, str], ministack: EmulatedAws
) -> None:
    assert frontdesk.post(an_unreadable_sms()).status == 200
    (dead_letter,) = json_lines(run_frontdesk("dead-letters", "list", "--json"))
    (stored,) = ministack.s3.list_objects_v2(Bucket=environ["BLOBS_BUCKET"])["Contents"]
    assert stored["Key"].startswith(f"dead-letters/{dead_letter['dead_letter_id']}/")


def an_unreadable_sms() -> SimulatedRequest:
    """Signed, but its sender is nobody."""
    return TwilioSimulator(ACCOUNT_SID, "first").request(
        URL, ChannelType.SMS, sender="", recipient=RECIPIENT[ChannelType.SMS], body="Hi"
    )


class TestCommand:
    def test_queues_commands_read_and_acknowledge_contexts_on_sqs(
        self, frontdesk: AwsFrontDesk
    ) -> None:
        frontdesk.post(an_sms())
        hand_off(frontdesk)
        frontdesk.post(an_sms(body="Second"))
        (line,) = json_lines(run_frontdesk("queues", "read", "sms-handoff", "--max", "1", "--json"))
        assert line["context"]["message"]["body"] == "Second"
        acknowledged = run_frontdesk("queues", "acknowledge", "sms-handoff", line["receipt"])
        assert acknowledged.stdout == "sms-handoff: acknowledged\n"

    def test_queues_read_reports_that_sqs_does_not_show_delayed_contexts(
        self, frontdesk: AwsFrontDesk
    ) -> None:
        line = error_line(run_frontdesk("queues", "read", "sms-replies", "--include-delayed"), 1)
        assert line == (
            "frontdesk: this backend shows nothing before its delay is over: "
            "leave out --include-delayed"
        )
        frontdesk.post(an_sms())
        output = run_frontdesk("queues", "read", "sms-replies", "--max", "1").stdout
        assert output == "sms-replies: nothing ready; 1 delayed\n"
