"""The trail of a message, and the short JSON that stores keep of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.channels import ChannelType
from domain.errors import QueueRoutingError
from domain.queues import QueueKind, QueueName
from domain.trail import (
    LONGEST_REASON,
    FailedAttempt,
    FallbackOutcome,
    FallbackResult,
    MatchRule,
    Trail,
)
from tests.builders import NOW

QUEUE = QueueName(ChannelType.SMS, QueueKind.REPLIES)


@pytest.mark.parametrize(
    "trail",
    [
        Trail(),
        Trail(MatchRule.LATEST),
        Trail(MatchRule.ONLY, QUEUE, 29.998),
        Trail(
            MatchRule.NO_CONVERSATION,
            fallback=FallbackOutcome(FallbackResult.THROTTLED, NOW, "hourly_limit"),
        ),
        Trail(None, QUEUE, 0.0, FallbackOutcome(FallbackResult.SENT, NOW)),
        Trail(MatchRule.ONLY, failure=FailedAttempt(NOW, "there is no queue “sms-replies”")),
        Trail(
            fallback=FallbackOutcome(FallbackResult.SENT, NOW),
            failure=FailedAttempt(NOW + timedelta(seconds=1), "sms-replies: ThrottlingException"),
        ),
    ],
)
def test_trail_is_read_back_as_it_was_written(trail: Trail) -> None:
    assert Trail.from_json(trail.to_json()) == trail


def test_stored_trail_is_short() -> None:
    assert Trail().to_json() is None
    assert Trail(MatchRule.ONLY).to_json() == '{"rule":"only"}'


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"rule":"of another version"}', '{"queue":"fax"}', "3"]
)
def test_trail_of_another_version_counts_as_unknown(text: str) -> None:
    assert Trail.from_json(text) == Trail()


def test_unknown_fallback_does_not_hide_that_the_record_can_be_read() -> None:
    known = replace(Trail(MatchRule.ONLY), fallback=FallbackOutcome(FallbackResult.SENT, NOW))
    text = str(known.to_json()).replace("sent", "teleported")
    assert Trail.from_json(text) == Trail()


def test_failed_attempt_is_told_in_a_short_printable_text() -> None:
    error = QueueRoutingError("sms-replies:\n\x1b[31mno\u2028" + "x" * LONGEST_REASON)
    failure = FailedAttempt.of(error, NOW)
    assert failure.at == NOW
    assert failure.reason.startswith("sms-replies:  [31mno xxx")
    assert failure.reason.endswith("xxx…")
    assert len(failure.reason) == LONGEST_REASON
    assert failure.reason.isprintable()


def test_failed_attempt_tells_nothing_that_an_error_may_quote() -> None:
    assert FailedAttempt.of(ValueError("Is my order on its way?"), NOW).reason == "ValueError"
