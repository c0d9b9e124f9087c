"""What the functions beside that of the webhooks do with an event, and what they leave."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from application.ports.dead_letters import DeadLetter
from application.ports.spool import SpoolDelivery
from application.ports.webhook_parser import ParsedMessage
from domain.errors import StorageUnavailableError, UnreadableMessageError
from domain.messages import MessageRecord
from entrypoints.aws_lambda.scheduled_functions import (
    LAST_MESSAGE_MILLISECONDS,
    MAX_BATCHES,
    RelayFunction,
    SpoolFunction,
)
from infrastructure.aws.sqs_spool import delivery_from_sqs
from infrastructure.configuration.log_format import configure_logging
from infrastructure.memory.memory_blobs import MemoryBlobStore, MemoryDeadLetters
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.serialization.webhook_json import entry_to_json
from tests.application.frontdesk import FrontDesk
from tests.builders import an_inbound_message
from tests.contracts.spool import an_entry
from tests.entrypoints.aws_lambda.function_under_test import a_context


class PickyStore(MemoryMessageStore):
    """Does not answer where one message is concerned."""

    refused = ""

    def record(self, record: MessageRecord) -> Any:
        if record.message.body == self.refused:
            raise StorageUnavailableError("no answer")
        return super().record(record)


class NoDeadLetters(MemoryDeadLetters):
    def store(self, dead_letter: DeadLetter) -> None:
        raise StorageUnavailableError("no space left")


class Worker:
    """The function, and a front desk that finds a message of the entry's name in each entry."""

    def __init__(self, **adapters: Any) -> None:
        self.store = PickyStore()
        self.frontdesk = FrontDesk(messages=self.store, **adapters)
        self.frontdesk.given_conversation()
        self.flushes = 0
        drain_spool = self.frontdesk.container.operations().drain_spool()
        self.function = SpoolFunction(self.read, drain_spool, self.flush)

    def read(self, record: Any) -> SpoolDelivery:
        delivery = delivery_from_sqs(record, MemoryBlobStore())
        name = delivery.entry.entry_id
        self.frontdesk.parser.messages = [
            ParsedMessage(an_inbound_message(message_id=name, body=name))
        ]
        return delivery

    def flush(self) -> None:
        self.flushes += 1

    def left_on_queue(self, *records: dict[str, Any]) -> list[str]:
        """Which of ``records`` stay on the queue."""
        failures = self.function({"Records": records}, a_context())["batchItemFailures"]
        assert isinstance(failures, list)
        return [failure["itemIdentifier"] for failure in failures]

    def published(self) -> list[str]:
        return [context.message.body for context in self.frontdesk.queued().get("sms-replies", [])]


@pytest.fixture
def worker() -> Worker:
    return Worker()


def a_record(name: str, receive_count: int = 1, **changes: Any) -> dict[str, Any]:
    """An entry of the spool as SQS hands it to a function."""
    record = {
        "messageId": name,
        "receiptHandle": f"receipt-{name}",
        "body": entry_to_json(an_entry(name)),
        "attributes": {"ApproximateReceiveCount": str(receive_count)},
    }
    return {**record, **changes}


def test_received_spool_entries_leave_the_queue(worker: Worker) -> None:
    assert worker.left_on_queue(a_record("a1"), a_record("b2")) == []
    assert worker.published() == ["a1", "b2"]
    assert worker.flushes == 1


def test_entries_behind_a_failed_entry_stay_on_the_queue_in_order(worker: Worker) -> None:
    worker.store.refused = "a2"
    records = a_record("a1"), a_record("a2"), a_record("a3")
    assert worker.left_on_queue(*records) == ["a2", "a3"]
    assert worker.published() == ["a1"]

    worker.store.refused = ""
    assert worker.left_on_queue(*records[1:]) == []
    assert worker.published() == ["a2", "a3"]


def test_unreadable_spool_record_stays_for_the_dead_letter_queue(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    assert worker.left_on_queue(a_record("a1", body="no entry")) == ["a1"]
    (logged,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert logged.message == "spooled webhook failed"
    assert logged.__dict__["error"] == "UnreadableMessageError"
    assert worker.flushes == 1


def test_an_entry_of_an_unreleased_version_becomes_a_dead_letter(worker: Worker) -> None:
    content = json.loads(entry_to_json(an_entry("a1")))
    webhook = content.pop("webhook")
    old = {name: content[name] for name in ("entry_id", "group", "spooled_at")}
    body = json.dumps({**old, "account": webhook["account"], "request": webhook["request"]})
    assert worker.left_on_queue(a_record("a1", body=body), a_record("a2")) == []
    (dead_letter,) = worker.frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.kind == "unreadable"
    assert dead_letter.reason == "this is the old form of a spool entry, of an unreleased version"
    assert dead_letter.webhook is not None
    assert dead_letter.webhook.request == an_entry("a1").webhook.request
    assert worker.published() == ["a2"]


def test_entry_that_becomes_a_dead_letter_leaves_the_queue(worker: Worker) -> None:
    worker.frontdesk.parser.parse_error = UnreadableMessageError("it is in no charset")
    assert worker.left_on_queue(a_record("a1")) == []
    assert [
        dead_letter.kind for dead_letter in worker.frontdesk.dead_letters.each_dead_letter()
    ] == ["unreadable"]


def test_entry_stays_on_the_queue_when_its_dead_letter_cannot_be_stored() -> None:
    worker = Worker(dead_letters=NoDeadLetters())
    worker.frontdesk.parser.parse_error = UnreadableMessageError("it is in no charset")
    assert worker.left_on_queue(a_record("a1")) == ["a1"]


def test_receive_count_of_sqs_decides_when_an_entry_becomes_a_dead_letter(worker: Worker) -> None:
    worker.store.refused = "a1"
    assert worker.left_on_queue(a_record("a1", receive_count=149)) == ["a1"]
    assert worker.left_on_queue(a_record("a1", receive_count=150)) == []
    (dead_letter,) = worker.frontdesk.dead_letters.each_dead_letter()
    assert (dead_letter.kind, dead_letter.attempts) == ("exhausted", 150)


def test_log_lines_of_the_spool_function_name_the_invocation(worker: Worker) -> None:
    output = io.StringIO()
    configure_logging("INFO", output)
    worker.left_on_queue(a_record("a1"))
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert lines
    assert {line["aws_request_id"] for line in lines} == {"invocation-1"}


class Relay:
    """The relay's function with so many batches of work, the last of which may fail."""

    def __init__(self, *batches: bool | Exception) -> None:
        self.batches: Iterator[bool | Exception] = iter(batches)
        self.worked, self.flushes = 0, 0
        self.function = RelayFunction(self.relay_some, self.flush)

    def relay_some(self, has_time: Callable[[], bool]) -> bool:
        self.had_time = has_time()
        self.worked += 1
        outcome = next(self.batches)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def flush(self) -> None:
        self.flushes += 1


def test_relay_function_runs_batches_until_no_work_is_left() -> None:
    relay = Relay(True, True, False)
    relay.function({}, a_context())
    assert (relay.worked, relay.flushes) == (3, 1)


def test_relay_function_stops_at_its_batch_limit() -> None:
    relay = Relay(*[True] * 100)
    relay.function({}, a_context())
    assert (relay.worked, relay.flushes) == (MAX_BATCHES, 1)


@pytest.mark.parametrize(
    ("milliseconds", "is_enough"),
    [(LAST_MESSAGE_MILLISECONDS, False), (LAST_MESSAGE_MILLISECONDS + 1, True)],
)
def test_relay_function_has_time_while_another_message_fits(
    milliseconds: int, is_enough: bool
) -> None:
    relay = Relay(False)
    relay.function({}, a_context(milliseconds))
    assert relay.had_time is is_enough


def test_relay_function_fails_and_writes_metrics_when_the_store_is_unavailable() -> None:
    relay = Relay(True, StorageUnavailableError("no answer"))
    with pytest.raises(StorageUnavailableError):
        relay.function({}, a_context())
    assert (relay.worked, relay.flushes) == (2, 1)
