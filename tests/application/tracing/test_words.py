"""Sentences of traces: fallbacks, what is not known, and times."""

from datetime import timedelta

import pytest

from application.ports.refusals import Refusal
from application.tracing.fallback_words import fallback_words
from application.tracing.nothing_known import NothingKnown
from application.tracing.wording import ago, command, duration
from domain.automated_mail import Suppression
from domain.channels import ChannelType
from domain.trail import FallbackOutcome, FallbackResult
from tests.builders import NOW


@pytest.mark.parametrize(
    ("result", "reason", "words"),
    [
        (FallbackResult.SENT, None, "the sender got the fallback at 12:00:00 UTC"),
        (FallbackResult.WRITTEN_TO_FILE, None, "the fallback went to fallbacks.jsonl"),
        (FallbackResult.UNCERTAIN, None, "the provider did not say at 12:00:00 UTC whether"),
        (FallbackResult.THROTTLED, "hourly_limit", "none, for the hourly limit was reached"),
        (FallbackResult.FAILED, "not_sent", "none, for the provider refused it"),
        (FallbackResult.SUPPRESSED, "auto_submitted", "a program seems to have written it (auto_"),
    ],
)
def test_fallback_is_told_as_it_was(result: FallbackResult, reason: str | None, words: str) -> None:
    assert words in fallback_words(FallbackOutcome(result, NOW, reason), NOW)


@pytest.mark.parametrize("reason", list(Suppression))
def test_every_reason_has_words(reason: Suppression) -> None:
    outcome = FallbackOutcome(FallbackResult.SUPPRESSED, NOW, reason)
    assert fallback_words(outcome, NOW).startswith("of the fallback the sender got no")


def test_fallback_of_an_older_message_is_in_the_log() -> None:
    assert fallback_words(None, NOW) == "what became of its fallback is in the log alone"


def nothing_known(*refusals: Refusal, failure: str | None = None, **changes: bool) -> NothingKnown:
    sees = {"sees_all_refusals": True, "sees_spool": True, **changes}
    channels = frozenset({ChannelType.SMS})
    return NothingKnown(refusals, channels, failure=failure, log_search=str, now=NOW, **sees)


def test_refusals_that_cannot_be_seen_are_in_the_log() -> None:
    sentence = nothing_known(sees_all_refusals=False, sees_spool=False).sentence("SM1")
    assert "(this spool shows nothing of what is in it)" in sentence
    assert "Refused webhooks of sms are in the log: {'outcome': 'refused'}." in sentence


@pytest.mark.parametrize(
    ("channel", "reason", "words"),
    [
        (ChannelType.SMS, "account_unknown", "webhooks of sms were, the latest at 11:59:00 UTC"),
        (None, "path_unknown", "requests to paths that are no webhook were, the latest at "),
    ],
)
def test_what_was_refused_is_named_without_an_account(
    channel: ChannelType | None, reason: str, words: str
) -> None:
    at = NOW - timedelta(minutes=1)
    refusal = Refusal(channel, "", reason, "", 1, at, at)
    sentence = nothing_known(refusal).sentence("SM1")
    assert words in sentence
    assert f"(60 s ago), {reason}. 'frontdesk doctor' says what to do" in sentence


@pytest.mark.parametrize("refusals", [(), (Refusal(None, "", "path_unknown", "", 1, NOW, NOW),)])
def test_status_callback_and_probe_are_named_where_nothing_is_known(
    refusals: tuple[Refusal, ...],
) -> None:
    sentence = nothing_known(*refusals).sentence("SM1")
    assert (
        "a status callback, which is answered with 200, counted, and recorded nowhere" in sentence
    )
    assert "'frontdesk doctor --probe' tests whether the public URL leads here" in sentence


def test_reason_why_the_store_could_not_be_asked_is_named() -> None:
    sentence = nothing_known(failure="wrong settings: TENANTS").sentence("SM1")
    assert "whether SM1 is recorded: wrong settings: TENANTS. 'frontdesk doctor' says " in sentence
    assert sentence.endswith("It is no spool entry and no dead letter.")


def test_hash_of_the_log_leads_to_the_request_id_beside_it() -> None:
    sentence = nothing_known().sentence("sha256:0123456789abcdef")
    assert sentence.endswith("trace the request_id of the same log line.")


def test_times_are_of_a_day_and_lengths_of_one_unit() -> None:
    assert ago(NOW - timedelta(minutes=12), NOW) == "11:48:00 UTC (12 min ago)"
    assert ago(NOW - timedelta(days=3), NOW) == "2026-03-01 12:00:00 UTC (3 d ago)"
    assert [duration(seconds) for seconds in (-1, 5, 119, 120, 7200)] == [
        *("0 s", "5 s", "119 s", "2 min", "2 h")
    ]


def test_commands_are_quoted_as_a_shell_takes_them() -> None:
    assert command("trace", "SM1") == "'frontdesk trace SM1'"
    assert command("trace", "<1@a.example>") == "'frontdesk trace \"<1@a.example>\"'"
    assert command("trace", "a $(reboot)") == "'frontdesk trace 'a $(reboot)''"
