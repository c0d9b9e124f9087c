"""``frontdesk relay``, on embedded storage and on AWS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from application.clock import utc_now
from application.ports.spool import SpoolEntry
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from domain.messages import MAX_ATTEMPTS, STUCK_AFTER, MessageRecord
from domain.times import rfc3339
from entrypoints.composition.container import Container, build_container
from entrypoints.operations import background_jobs
from infrastructure.aws.dynamodb.dynamodb_messages import DynamoDbMessageStore
from infrastructure.aws.s3 import S3DeadLetters
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.filesystem.dead_letter_files import FileDeadLetters
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore
from tests.builders import RECIPIENT, SENDER, a_conversation, a_record, an_inbound_message, verified
from tests.emulators import EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk

ACCOUNT_SID, TOKEN = "AC" + "5" * 32, "a-token-of-nobody"
EARLIER = utc_now() - timedelta(minutes=1)
NOTHING_DONE = {"received": 0, "relayed": 0, "dead_letters": 0, "failed": 0}
NOTHING_WAITS = {"pending": 0, "next_attempt_at": None, "spooled": 0, "broken": 0}
NOTHING = {**NOTHING_DONE, **NOTHING_WAITS}


@pytest.fixture(params=["sqlite", "aws"])
def container(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Container]:
    """The parts, with the settings that the command has too, and one open conversation."""
    environ = {"TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": TOKEN}
    environ |= {"DATA_DIR": str(data_dir), "REPLY_DELAY_SECONDS": "0"}
    if request.param == "aws":
        ministack: EmulatedAws = request.getfixturevalue("ministack")
        environ |= aws_settings(ministack)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    container = build_container(environ)
    container.conversation_store().open_conversation(a_conversation())
    yield container
    container.shutdown_resources()


def a_pending_record(attempts: int = 0, number: int = 1) -> MessageRecord:
    """A message whose handler must have died; ``number`` tells it from others."""
    return a_record(
        an_inbound_message(message_id=f"SM{number:032}"),
        recorded_at=EARLIER,
        attempts=attempts,
    )


def a_spooled_message(name: str = "entry-1") -> SpoolEntry:
    """A spooled webhook of a message to the conversation that is open; each is a group."""
    now = utc_now()
    posted = TwilioSimulator(ACCOUNT_SID, TOKEN).request(
        "https://hooks.example.com/webhooks/sms",
        ChannelType.SMS,
        sender=SENDER[ChannelType.SMS],
        recipient=RECIPIENT[ChannelType.SMS],
        body="Is my order on its way?",
    )
    headers = tuple(posted.headers.items())
    request = WebhookRequest("POST", posted.url, headers, posted.body, now)
    return SpoolEntry(name, name, verified(request, ACCOUNT_SID), now)


def on_the_queues(container: Container) -> int:
    depths = container.context_queue().depths()
    return sum(depth.ready + depth.delayed for depth in depths)


def test_relay_without_a_backlog_reports_that_nothing_was_left(container: Container) -> None:
    assert run_frontdesk("relay").stdout == "The spool is empty, and no message is pending.\n"
    assert json_lines(run_frontdesk("relay", "--json")) == [NOTHING]
    assert on_the_queues(container) == 0


def test_relay_receives_spooled_webhooks_and_publishes_pending_messages(
    container: Container,
) -> None:
    container.message_store().record(a_pending_record())
    container.spool().enqueue(a_spooled_message())
    result = run_frontdesk("relay")
    assert result.exit_code == 0
    assert result.stdout == (
        "1 webhook received from the spool, 1 pending message published, 0 dead letters written.\n"
    )
    assert on_the_queues(container) == 2
    assert container.spool().depth().entries == 0
    assert json_lines(run_frontdesk("relay", "--json")) == [NOTHING]


def test_relay_leaves_a_message_recorded_a_moment_ago_to_its_handler(
    container: Container,
) -> None:
    record = a_record(recorded_at=utc_now())
    container.message_store().record(record)
    result = run_frontdesk("relay")
    assert (result.exit_code, result.stdout) == (
        0,
        f"Nothing is due now.\nPending: 1, the next attempt is due at {rfc3339(record.due_at)}.\n",
    )
    assert json_lines(run_frontdesk("relay", "--json")) == [
        {**NOTHING, "pending": 1, "next_attempt_at": rfc3339(record.due_at)}
    ]
    assert on_the_queues(container) == 0


def test_relay_reports_a_message_between_two_attempts_without_failing(container: Container) -> None:
    record = a_pending_record()
    container.message_store().record(record)
    later = utc_now() + timedelta(minutes=8)
    assert container.outbox().take_lease(record, later)
    assert json_lines(run_frontdesk("relay", "--json")) == [
        {**NOTHING, "pending": 1, "next_attempt_at": rfc3339(record.leased(later).due_at)}
    ]


def test_relay_reports_a_hidden_spool_entry_without_failing(container: Container) -> None:
    spool = container.spool()
    spool.enqueue(a_spooled_message())
    (delivery,) = spool.receive(1, timedelta(seconds=60))
    spool.release(delivery, timedelta(minutes=5))
    result = run_frontdesk("relay")
    assert (result.exit_code, result.stdout) == (
        0,
        "Nothing is due now.\nIn the spool: 1, each is due within 5 minutes.\n",
    )
    assert json_lines(run_frontdesk("relay", "--json")) == [{**NOTHING, "spooled": 1}]


def test_relay_turns_a_message_with_too_many_attempts_into_a_dead_letter(
    container: Container,
) -> None:
    container.message_store().record(a_pending_record(attempts=MAX_ATTEMPTS))
    assert json_lines(run_frontdesk("relay", "--json")) == [{**NOTHING, "dead_letters": 1}]
    (dead_letter,) = container.dead_letters().each_dead_letter()
    assert dead_letter.kind == "undeliverable"


def test_relay_publishes_the_messages_after_a_batch_of_dead_letters(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_jobs, "RELAY_BATCH", 1)
    container.message_store().record(a_pending_record(attempts=MAX_ATTEMPTS))
    container.message_store().record(a_pending_record(number=2))
    assert json_lines(run_frontdesk("relay", "--json")) == [
        {**NOTHING, "dead_letters": 1, "relayed": 1}
    ]


def test_relay_counts_a_message_that_fails_twice_only_once(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise StorageUnavailableError("no answer")

    monkeypatch.setattr(FileDeadLetters, "store", unavailable)
    monkeypatch.setattr(S3DeadLetters, "store", unavailable)
    container.message_store().record(a_pending_record(attempts=MAX_ATTEMPTS))
    container.message_store().record(a_pending_record(number=2))
    result = run_frontdesk("relay", "--json")
    assert json.loads(result.stdout) == {
        **NOTHING,
        "relayed": 1,
        "failed": 1,
        "pending": 1,
        "next_attempt_at": rfc3339(EARLIER + STUCK_AFTER),
    }
    assert error_line(result, 1).startswith("frontdesk: 1 message cannot be processed")


def test_relay_fails_and_counts_messages_that_cannot_be_published(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "file:/no/such/file")
    container.message_store().record(a_pending_record())
    line = error_line(run_frontdesk("relay"), 1)
    assert line == (
        "frontdesk: 1 message cannot be processed now: "
        "'frontdesk doctor' tells what does not answer"
    )
    assert on_the_queues(container) == 0


def test_relay_stops_and_leaves_the_backlog_when_nothing_succeeds(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise StorageUnavailableError("no answer")

    for store in (SqliteMessageStore, DynamoDbMessageStore):
        monkeypatch.setattr(store, "record", unavailable)
    for number in range(12):
        container.spool().enqueue(a_spooled_message(f"entry-{number}"))
    line = error_line(run_frontdesk("relay"), 1)
    assert line.startswith("frontdesk: 10 messages cannot be processed now")
    assert container.spool().depth().entries == 12
