"""Sentences of traces: fallbacks, what is not known, and times."""

from datetime import timedelta

import pytest

from application.ports.refusals import Refusal
from application.tracing.fallback_words import fallback_words
from application.tracing.nothing_known import NothingKnown
from application.tracing.results import Statement
from application.tracing.wording import ago, ahead, cause_and_remedy, command, duration, shell
from domain.automated_mail import Suppression
from domain.channels import ChannelType
from domain.trail import FallbackOutcome, FallbackResult
from tests.builders import NOW, an_inbound_message


@pytest.mark.parametrize(
    ("result", "reason", "words"),
    [
        (FallbackResult.SENT, None, "The fallback was sent at 2026-03-04 12:00:00 UTC."),
        (FallbackResult.WRITTEN_TO_FILE, None, "The fallback went to the file fallbacks.jsonl"),
        (
            FallbackResult.UNCERTAIN,
            None,
            "The provider did not say at 2026-03-04 12:00:00 UTC whether",
        ),
        (
            FallbackResult.THROTTLED,
            "hourly_limit",
            "as many as FALLBACK_MAX_PER_HOUR allows were sent",
        ),
        (
            FallbackResult.THROTTLED,
            "already_answered",
            "FALLBACK_WINDOW_SECONDS allows one in 24 h",
        ),
        (FallbackResult.FAILED, "not_sent", "was not reached, refused it, or there were no cred"),
        (FallbackResult.FAILED, "not_reached", "no connection to the provider (the log says why)."),
        (FallbackResult.FAILED, "refused", "the provider refused to send it (the log says why)."),
        (FallbackResult.SUPPRESSED, "short_code", "+14155550123 is a short code"),
        (FallbackResult.SUPPRESSED, "auto_submitted", "header Auto-Submitted says that a program"),
        (FallbackResult.SUPPRESSED, "later_code", "a program seems to have written it (later_"),
    ],
)
def test_fallback_is_told_as_it_was(result: FallbackResult, reason: str | None, words: str) -> None:
    assert words in said_of(FallbackOutcome(result, NOW, reason))


@pytest.mark.parametrize("reason", list(Suppression))
def test_every_reason_has_words(reason: Suppression) -> None:
    outcome = FallbackOutcome(FallbackResult.SUPPRESSED, NOW, reason)
    said = said_of(outcome)
    assert said.startswith("No fallback was sent: ")
    assert "a program seems" not in said


def test_fallback_of_an_older_message_is_in_the_log() -> None:
    assert said_of(None) == "What became of its fallback is in the log alone."


def said_of(outcome: FallbackOutcome | None) -> str:
    return fallback_words(outcome, an_inbound_message(), timedelta(days=1))


def nothing_known(*refusals: Refusal, failure: str | None = None, **changes: bool) -> NothingKnown:
    return NothingKnown(
        refusals,
        frozenset({ChannelType.SMS}),
        sees_all_refusals=changes.get("sees_all_refusals", True),
        sees_spool=changes.get("sees_spool", True),
        failure=failure,
        log_search=str,
        explain=lambda one: Statement(f"It is {one.reason}.", "Mend it."),
        now=NOW,
    )


def test_refusals_that_cannot_be_seen_are_in_the_log() -> None:
    sentence = nothing_known(sees_all_refusals=False, sees_spool=False).statement("SM1").sentence
    assert "(this spool shows nothing of what is in it)" in sentence
    assert (
        "See whether webhooks of sms were refused, in the log: {'outcome': 'refused'}." in sentence
    )


@pytest.mark.parametrize(
    ("channel", "reason", "words"),
    [
        (
            ChannelType.SMS,
            "account_unknown",
            "as a webhook of sms was 60 s ago (2026-03-04 11:59:00 UTC). ",
        ),
        (None, "path_unknown", "as a request to an unknown path was 60 s ago ("),
    ],
)
def test_what_was_refused_is_named_without_an_account(
    channel: ChannelType | None, reason: str, words: str
) -> None:
    at = NOW - timedelta(minutes=1)
    refusal = Refusal(channel, "", reason, "", 1, at, at)
    sentence = nothing_known(refusal).statement("SM1").sentence
    assert words in sentence
    assert f"It is {reason}. Mend it. Then let the customer write again. Nothing is" in sentence


@pytest.mark.parametrize("refusals", [(), (Refusal(None, "", "path_unknown", "", 1, NOW, NOW),)])
def test_status_callback_and_probe_are_named_where_nothing_is_known(
    refusals: tuple[Refusal, ...],
) -> None:
    nothing = nothing_known(*refusals)
    sentence = nothing.note or nothing.statement("SM1").sentence
    assert "With a 200 it was a status callback" in sentence
    assert "'frontdesk doctor --probe' tests whether the public URL leads here" in sentence


def test_reason_why_the_store_could_not_be_asked_is_named() -> None:
    sentence = nothing_known(failure="wrong settings: TENANTS").statement("SM1").sentence
    assert (
        "whether SM1 is recorded: wrong settings: TENANTS. See what the checks find. It is no "
        in sentence
    )
    assert sentence.endswith("It is no spool entry and no dead letter.")


def test_hash_of_the_log_leads_to_the_request_id_beside_it() -> None:
    sentence = nothing_known().statement("sha256:0123456789abcdef").sentence
    assert sentence.endswith("Trace the request_id of the same log line.")


def test_times_have_a_date_and_lengths_are_as_a_person_says_them() -> None:
    assert ago(NOW - timedelta(minutes=12), NOW) == "12 min ago (2026-03-04 11:48:00 UTC)"
    assert ahead(NOW + timedelta(days=3), NOW) == "in 3 days (2026-03-07 12:00:00 UTC)"
    assert [duration(seconds) for seconds in (-1, 5, 119, 120, 900, 3599, 5040, 7200)] == [
        *("0 s", "5 s", "119 s", "2 min", "15 min", "1 h", "1 h 24 min", "2 h")
    ]


def test_commands_are_quoted_as_a_shell_takes_them() -> None:
    assert shell("trace", "<1@a.example>") == "frontdesk trace '<1@a.example>'"
    assert command("trace", "SM1") == "'frontdesk trace SM1'"
    assert command("trace", "<1@a.example>") == "'frontdesk trace \"<1@a.example>\"'"
    assert command("trace", "a $(reboot)") == "'frontdesk trace 'a $(reboot)''"


@pytest.mark.parametrize(
    ("reason", "parts"),
    [
        ("there is no queue. Create it", ("there is no queue", "Create it.")),
        ("sqlite3 locks a.db: end it, or its lock", ("sqlite3 locks a.db", "End it, or its lock.")),
        ("sms-replies: no answer", ("sms-replies: no answer", "")),
    ],
)
def test_remedy_in_a_reason_is_told_apart(reason: str, parts: tuple[str, str]) -> None:
    assert cause_and_remedy(reason) == parts
