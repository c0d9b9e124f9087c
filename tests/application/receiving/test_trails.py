"""What a record and the log say of a message's way."""

import logging
from dataclasses import replace

import pytest

from application.clock import Deadline
from domain.channels import ChannelType
from domain.errors import (
    FallbackNotReachedError,
    FallbackNotSentError,
    FallbackRefusedError,
    FallbackUncertainError,
    QueueRoutingError,
    StorageUnavailableError,
)
from domain.messages import MessageRecord, MessageState
from domain.queues import QueueKind, QueueName
from domain.tenants import UnknownSender
from domain.trail import FailedAttempt, FallbackOutcome, FallbackResult, MatchRule, Trail
from infrastructure.filesystem.fallback_log import FileFallbackSender
from tests.application.frontdesk import FrontDesk
from tests.builders import NOW, an_inbound_message

REPLIES = QueueName(ChannelType.SMS, QueueKind.REPLIES)


def trail_of(frontdesk: FrontDesk, message_id: str = "SM1", body: str = "Hello?") -> Trail:
    """The trail of a message that is received now."""
    message = an_inbound_message(message_id=message_id, body=body)
    frontdesk.record_message(message, Deadline.after())
    record = frontdesk.messages.find_record(message.request_id)
    assert isinstance(record, MessageRecord)
    return record.trail


def test_recorded_message_keeps_its_rule_its_queue_and_the_delay() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    assert trail_of(frontdesk) == Trail(MatchRule.ONLY, REPLIES, 30.0)


def test_message_that_opened_its_conversation_says_so() -> None:
    frontdesk = FrontDesk(unknown_sender=UnknownSender.OPEN)
    assert trail_of(frontdesk).rule is MatchRule.OPENED
    assert trail_of(frontdesk, "SM2").rule is MatchRule.ONLY


class Refusing:
    def publish(self, *_: object) -> None:
        raise QueueRoutingError("no queue")


@pytest.fixture
def refused() -> FrontDesk:
    """A front desk whose queue takes nothing."""
    frontdesk = FrontDesk(publisher=Refusing())
    frontdesk.given_conversation()
    return frontdesk


NO_QUEUE = FailedAttempt(NOW, "no queue")


def test_pending_message_keeps_why_its_queue_did_not_take_it(refused: FrontDesk) -> None:
    assert trail_of(refused) == Trail(MatchRule.ONLY, failure=NO_QUEUE)


def test_repeated_webhook_keeps_why_the_queue_did_not_take_it(refused: FrontDesk) -> None:
    trail_of(refused)
    refused.advance_clock(31)
    assert trail_of(refused).failure == FailedAttempt(refused.now, "no queue")


def test_redriven_message_keeps_why_its_queue_did_not_take_it() -> None:
    frontdesk = FrontDesk(publisher=Refusing())
    assert trail_of(frontdesk).rule is MatchRule.NO_CONVERSATION
    frontdesk.given_conversation()
    assert [*frontdesk.redrive()]
    record = frontdesk.messages.find_record(an_inbound_message(message_id="SM1").request_id)
    assert isinstance(record, MessageRecord)
    assert (record.state, record.trail.failure) == (MessageState.PENDING, NO_QUEUE)


def test_reason_is_not_kept_when_the_time_of_the_webhook_is_used_up() -> None:
    seconds = [0.0]

    class RefusingLate:
        def publish(self, *_: object) -> None:
            seconds[0] += 9.0
            raise QueueRoutingError("no queue")

    frontdesk, message = FrontDesk(publisher=RefusingLate()), an_inbound_message()
    frontdesk.given_conversation()
    for _ in ("the webhook", "a repetition of it"):
        frontdesk.record_message(message, Deadline(seconds[0] + 1.0, lambda: seconds[0]))
        frontdesk.advance_clock(31)
    record = frontdesk.messages.find_record(message.request_id)
    assert isinstance(record, MessageRecord)
    assert (seconds, record.attempts) == ([18.0], 1)
    assert record.trail == Trail(MatchRule.ONLY)


@pytest.mark.parametrize("error", [StorageUnavailableError("the disk is full"), ValueError("a")])
def test_reason_that_cannot_be_kept_fails_no_webhook(
    refused: FrontDesk,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(refused.outbox, "add_failure", fail)
    assert trail_of(refused) == Trail(MatchRule.ONLY)
    assert [one.message for one in caplog.records if one.levelno == logging.WARNING] == [
        "message recorded, but it stays pending",
        "why an attempt failed is in the log alone",
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, FallbackOutcome(FallbackResult.SENT, NOW)),
        (FallbackNotSentError(), FallbackOutcome(FallbackResult.FAILED, NOW, "not_sent")),
        (
            FallbackNotReachedError(),
            FallbackOutcome(FallbackResult.FAILED, NOW, "not_reached"),
        ),
        (FallbackRefusedError(), FallbackOutcome(FallbackResult.FAILED, NOW, "refused")),
        (FallbackUncertainError(), FallbackOutcome(FallbackResult.UNCERTAIN, NOW)),
    ],
)
def test_unmatched_message_keeps_what_became_of_its_fallback(
    error: Exception | None, expected: FallbackOutcome
) -> None:
    frontdesk = FrontDesk()
    frontdesk.sender.error = error
    assert trail_of(frontdesk) == Trail(MatchRule.NO_CONVERSATION, fallback=expected)


def test_throttled_and_suppressed_fallbacks_are_kept_with_their_reasons() -> None:
    frontdesk = FrontDesk()
    trail_of(frontdesk)
    throttled = trail_of(frontdesk, "SM2").fallback
    assert throttled == FallbackOutcome(FallbackResult.THROTTLED, NOW, "already_answered")
    suppressed = trail_of(frontdesk, "SM3", "STOP").fallback
    assert suppressed == FallbackOutcome(FallbackResult.SUPPRESSED, NOW, "opt_out_word")


def test_fallback_in_a_file_is_not_said_to_be_sent() -> None:
    assert FileFallbackSender.result is FallbackResult.WRITTEN_TO_FILE


def test_outcome_that_cannot_be_stored_fails_no_webhook(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontdesk = FrontDesk()

    def fail(*_: object) -> None:
        raise StorageUnavailableError("the database does not answer")

    monkeypatch.setattr(frontdesk.messages, "add_fallback", fail)
    assert trail_of(frontdesk) == Trail(MatchRule.NO_CONVERSATION)
    assert [one.message for one in caplog.records if one.levelno == logging.WARNING] == [
        "what became of a fallback is in the log alone"
    ]
    assert len(frontdesk.sender.sent) == 1


def test_outcome_is_not_stored_when_the_time_of_the_webhook_is_used_up() -> None:
    frontdesk = FrontDesk()
    message = an_inbound_message()
    deadline = Deadline(1.0, lambda: 9.0 if frontdesk.sender.sent else 0.0)
    frontdesk.record_message(message, deadline)
    record = frontdesk.messages.find_record(message.request_id)
    assert isinstance(record, MessageRecord)
    assert record.trail == Trail(MatchRule.NO_CONVERSATION)


def test_log_line_of_a_recorded_message_names_queue_and_delay() -> None:
    frontdesk = FrontDesk()
    conversation = frontdesk.given_conversation()
    frontdesk.switch_hand_off(conversation.conversation_id, on=True)
    receipt = frontdesk.record_message(an_inbound_message(), Deadline.after())
    fields = receipt.log_fields()
    assert (str(fields["queue"]), fields["delay_seconds"]) == ("sms-handoff", 0.0)


def test_log_line_of_a_fallback_says_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    frontdesk = FrontDesk()
    message = replace(an_inbound_message(), body="STOP")
    with caplog.at_level(logging.INFO):
        frontdesk.record_message(message, Deadline.after())
    (line,) = [one.__dict__ for one in caplog.records if one.message == "fallback decided"]
    assert (line["result"], line["reason"]) == ("suppressed", "opt_out_word")
    assert line["request_id"] == message.request_id
