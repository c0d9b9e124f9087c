"""A pending message is published, or becomes a dead letter."""

from itertools import chain

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.recovery.relay_outbox import RelayOutcome
from domain.context import ContextObject
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.messages import LONGEST_LEASE, MAX_ATTEMPTS, MessageRecord
from domain.routing import Route
from domain.trail import FailedAttempt
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_queue import MemoryContextQueue
from tests.application.frontdesk import THANKS, FrontDesk
from tests.builders import NOW, an_inbound_message
from tests.contracts.concurrency import at_once


class UnsteadyQueue(MemoryContextQueue):
    """Raises ``error`` while it is down."""

    is_down = True
    error: Exception = QueueRoutingError("no answer")

    def publish(self, context: ContextObject, route: Route) -> None:
        if self.is_down:
            raise self.error
        super().publish(context, route)


class UnsteadyDeadLetters(MemoryDeadLetters):
    is_down = True

    def store(self, dead_letter: DeadLetter) -> None:
        if self.is_down:
            raise StorageUnavailableError("no space left")
        super().store(dead_letter)


@pytest.fixture
def queue() -> UnsteadyQueue:
    return UnsteadyQueue(lambda: NOW)


@pytest.fixture
def frontdesk(queue: UnsteadyQueue) -> FrontDesk:
    frontdesk = FrontDesk(publisher=queue)
    frontdesk.queue = queue
    frontdesk.given_conversation()
    assert frontdesk.receive(an_inbound_message()) == THANKS
    return frontdesk


def test_relay_publishes_a_pending_message_once_the_queue_is_back(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    queue.is_down = False
    assert frontdesk.relay() == [], "its first handler may still be at it"
    frontdesk.advance_clock(seconds=31)
    assert frontdesk.relay() == [RelayOutcome.RELAYED]
    assert frontdesk.relay() == []
    (context,) = frontdesk.queued()["sms-replies"]
    assert context.request_id == an_inbound_message().request_id
    assert frontdesk.metrics.total("Relayed") == 1


def test_relay_routes_a_pending_message_by_the_present_hand_off_state(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    queue.is_down = False
    frontdesk.switch_hand_off("conversation-1", on=True)
    frontdesk.advance_clock(seconds=31)
    frontdesk.relay()
    assert list(frontdesk.queued()) == ["sms-handoff"]


def test_concurrent_relays_publish_a_message_once(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    queue.is_down = False
    frontdesk.advance_clock(seconds=31)
    outcomes = list(chain(*at_once([frontdesk.relay] * 16)))
    assert outcomes.count(RelayOutcome.RELAYED) == 1
    assert len(frontdesk.queued()["sms-replies"]) == 1


@pytest.mark.parametrize("error", [QueueRoutingError("no answer"), ZeroDivisionError("a bug")])
def test_relay_waits_twice_as_long_after_each_failed_attempt(
    frontdesk: FrontDesk, queue: UnsteadyQueue, error: Exception
) -> None:
    queue.error = error
    if isinstance(error, ZeroDivisionError):
        frontdesk.advance_clock(seconds=31)
    waits = []
    for _ in range(4):
        seconds = 0
        while frontdesk.relay() != [RelayOutcome.FAILED]:
            frontdesk.advance_clock(seconds=10)
            seconds += 10
        waits.append(seconds)
    assert waits[1:] == [30, 60, 120]


def test_failing_message_does_not_stop_the_relay_of_others(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    frontdesk.advance_clock(seconds=31)
    assert frontdesk.relay(limit=1) == [RelayOutcome.FAILED]
    frontdesk.receive(an_inbound_message(message_id="SM2", received_at=frontdesk.now))
    frontdesk.advance_clock(seconds=30)
    queue.is_down = False
    assert frontdesk.relay(limit=1) == [RelayOutcome.RELAYED]
    assert frontdesk.relay(limit=1) == [RelayOutcome.RELAYED]
    assert len(frontdesk.queued()["sms-replies"]) == 2


def test_message_with_too_many_attempts_becomes_a_dead_letter(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    for _ in range(MAX_ATTEMPTS):
        frontdesk.advance_clock(seconds=600)
        assert frontdesk.relay() == [RelayOutcome.FAILED]
    frontdesk.advance_clock(seconds=600)
    assert frontdesk.relay() == [RelayOutcome.GIVEN_UP]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert (dead_letter.kind, dead_letter.attempts) == (DeadLetterKind.UNDELIVERABLE, MAX_ATTEMPTS)
    assert dead_letter.reason == "it could not be put on its queue: no answer"
    assert dead_letter.webhook is None
    frontdesk.advance_clock(seconds=600)
    assert frontdesk.relay() == []

    queue.is_down = False
    assert dead_letter.request_id is not None
    assert frontdesk.outbox.retry(dead_letter.request_id)
    assert frontdesk.relay() == [RelayOutcome.RELAYED]
    assert len(frontdesk.queued()["sms-replies"]) == 1


def test_relay_keeps_why_each_attempt_failed_until_the_message_is_queued(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    queue.error = ZeroDivisionError("a bug")
    frontdesk.advance_clock(seconds=31)
    assert frontdesk.relay() == [RelayOutcome.FAILED]
    failed_at = frontdesk.now
    (stuck,) = frontdesk.outbox.list_stuck(1, frontdesk.now + LONGEST_LEASE)
    assert stuck.trail.failure == FailedAttempt(failed_at, "ZeroDivisionError")
    queue.is_down = False
    frontdesk.advance_clock(seconds=600)
    assert frontdesk.relay() == [RelayOutcome.RELAYED]
    queued = frontdesk.messages.find_record(stuck.request_id)
    assert isinstance(queued, MessageRecord)
    assert queued.trail.failure == FailedAttempt(failed_at, "ZeroDivisionError")
    assert str(queued.trail.queue) == "sms-replies"


def test_relay_goes_on_when_the_reason_of_a_failure_cannot_be_kept(
    frontdesk: FrontDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailableError("no space left")

    monkeypatch.setattr(frontdesk.outbox, "add_failure", fail)
    frontdesk.receive(an_inbound_message(message_id="SM2"))
    frontdesk.advance_clock(seconds=31)
    assert frontdesk.relay() == [RelayOutcome.FAILED, RelayOutcome.FAILED]
    (stuck, _) = frontdesk.outbox.list_stuck(2, frontdesk.now + LONGEST_LEASE)
    assert (stuck.attempts, stuck.trail.failure) == (1, FailedAttempt(NOW, "no answer"))


def test_message_is_not_given_up_while_its_dead_letter_cannot_be_stored(
    queue: UnsteadyQueue,
) -> None:
    dead_letters = UnsteadyDeadLetters()
    frontdesk = FrontDesk(publisher=queue, dead_letters=dead_letters)
    frontdesk.given_conversation()
    frontdesk.receive(an_inbound_message())
    for _ in range(MAX_ATTEMPTS):
        frontdesk.advance_clock(seconds=600)
        frontdesk.relay()
    frontdesk.advance_clock(seconds=600)
    assert frontdesk.relay() == [RelayOutcome.FAILED]
    dead_letters.is_down = False
    assert frontdesk.relay() == [RelayOutcome.GIVEN_UP]


class HastyOperator(MemoryDeadLetters):
    """An operator redrives the first dead letter as soon as it is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[DeadLetter] = []
        self.frontdesk: FrontDesk | None = None

    def store(self, dead_letter: DeadLetter) -> None:
        super().store(dead_letter)
        if self.frontdesk is not None and not self.seen:
            self.seen.append(dead_letter)
            self.frontdesk.redrive_dead_letter(dead_letter)


def test_dead_letter_redriven_before_the_message_is_given_up_is_stored_again(
    queue: UnsteadyQueue,
) -> None:
    dead_letters = HastyOperator()
    frontdesk = FrontDesk(publisher=queue, dead_letters=dead_letters)
    dead_letters.frontdesk = frontdesk
    frontdesk.given_conversation()
    frontdesk.receive(an_inbound_message())
    for _ in range(MAX_ATTEMPTS + 1):
        frontdesk.advance_clock(seconds=600)
        frontdesk.relay()
    (dead_letter,) = dead_letters.each_dead_letter()
    assert dead_letters.seen == [dead_letter], "the message was not undeliverable yet"
    queue.is_down = False
    frontdesk.redrive_dead_letter(dead_letter)
    assert frontdesk.relay() == [RelayOutcome.RELAYED]


def test_relayed_message_has_only_the_rest_of_its_delay(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    queue.is_down = False
    frontdesk.advance_clock(seconds=31)
    frontdesk.relay()
    (depth,) = [depth for depth in queue.depths() if str(depth.queue) == "sms-replies"]
    assert (depth.ready, depth.delayed) == (1, 0)


def test_relay_without_remaining_time_starts_no_further_message(
    frontdesk: FrontDesk, queue: UnsteadyQueue
) -> None:
    frontdesk.receive(an_inbound_message(message_id="SM2"))
    frontdesk.advance_clock(seconds=31)
    time_left = iter([True, False])
    assert frontdesk.relay(has_time=lambda: next(time_left)) == [RelayOutcome.FAILED]
    assert frontdesk.metrics.total("Pending") == 2

    queue.is_down = False
    assert frontdesk.relay() == [RelayOutcome.RELAYED]
