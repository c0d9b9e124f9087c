"""What ``frontdesk doctor`` says of traffic: refusals, consumers, and the clock that both need."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from application.clock import Clock, utc_now
from application.overview.sampled_numbers import COUNTERS, numbers_of, received
from application.ports.sample_history import Sample
from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from domain.routing import Route
from domain.times import readable
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.container import Container
from entrypoints.operations import clock_checks
from entrypoints.operations.clock_checks import KernelClock
from tests.builders import a_record
from tests.contracts.context_queue import a_context
from tests.contracts.message_lists import numbered
from tests.entrypoints.cli.support import run_frontdesk

SMS, EMAIL = ChannelType.SMS, ChannelType.EMAIL
SMS_REPLIES, SMS_HANDOFF = (QueueName(SMS, kind) for kind in QueueKind)
ACCOUNT = "AC" + "7" * 32
URL = "https://hooks.example.com/webhooks/sms"


def lines_about(check: str, exit_code: int = 0) -> list[str]:
    """What the doctor says about ``check``, each line after its status."""
    result = run_frontdesk("doctor", "--json")
    assert result.exit_code == exit_code
    lines = [line for line in map(json.loads, result.stdout.splitlines()) if line["check"] == check]
    return [f"{line['status']}: {line['text']}" for line in lines]


def refuse(
    container: Container, channel: ChannelType | None, account: str, reason: str, urls: str
) -> None:
    """Count a refusal, and wait until it is written."""
    container.refusals().add(channel, account, reason, urls)
    container.refusals().latest()


@pytest.fixture
def at(container: Container) -> Callable[[timedelta], None]:
    """Sets the clock of ``container`` back by so much, before any part of it is built."""

    def set_back(by: timedelta) -> None:
        clock: Clock = lambda: utc_now() - by  # noqa: E731 - it is a value
        container.clock.override(providers.Object(clock))

    return set_back


def test_refusals_of_the_last_hour_are_warnings_with_url_and_remedy(container: Container) -> None:
    for _ in range(3):
        refuse(container, SMS, ACCOUNT, "signature_mismatch", URL)
    refuse(container, EMAIL, "sendgrid", "timestamp_outside_tolerance", "")
    mail, sms = lines_about("refusals")
    assert sms.startswith("warning: sms: 3 webhooks from ")
    assert f", signature_mismatch of account {ACCOUNT}, checked with {URL}. Either Twilio's " in sms
    assert "PUBLIC_BASE_URL" in sms
    assert mail.startswith("warning: email: 1 webhook at ")
    assert "timestamp_outside_tolerance of account sendgrid. Their timestamps are " in mail


def count_webhooks(container: Container, channel: ChannelType, **outcomes: float) -> None:
    """What a server counted since it started, as one of its samples."""
    now = container.clock()()
    named = {received(channel, outcome): number for outcome, number in outcomes.items()}
    counters = [named.get(name, 0.0) for name in COUNTERS]
    sample = Sample(now, now - timedelta(minutes=20), numbers_of(counters, {}))
    container.operations().samples().keep(sample)


def test_channel_on_which_all_was_refused_is_an_error(container: Container) -> None:
    refuse(container, SMS, ACCOUNT, "signature_mismatch", URL)
    refuse(container, EMAIL, "", "account_unknown", "")
    count_webhooks(container, SMS, refused=1)
    error, *others = lines_about("refusals", exit_code=1)
    assert error.startswith("error: all SMS webhooks of the last hour were refused. sms: 1 webhook")
    assert "Set PUBLIC_BASE_URL to the part before" in error
    assert [line[:14] for line in others] == ["warning: email"]
    # It hides no backlog: nothing is wrong with a backend.
    assert lines_about("backlog", exit_code=1) == []


def test_refusals_beside_accepted_webhooks_are_no_error(container: Container) -> None:
    refuse(container, SMS, ACCOUNT, "signature_mismatch", URL)
    count_webhooks(container, SMS, refused=1, recorded=1)
    (line,) = lines_about("refusals")
    assert line.startswith("warning: ")


def test_unmatched_message_is_a_warning_once_it_is_some_minutes_old(container: Container) -> None:
    record = container.stores().messages.record
    record(a_record(conversation=None, recorded_at=utc_now()))
    assert lines_about("unmatched") == ["ok: 1, a moment old"]
    old = utc_now() - timedelta(minutes=6)
    record(replace(numbered(2, conversation=None), recorded_at=old))
    (line,) = lines_about("unmatched")
    assert line.startswith(f"warning: 1, the oldest of {readable(old)[:16]}")
    assert "nobody answers them: see why with 'frontdesk unmatched list'" in line


def test_strangers_are_told_from_a_missing_subaccount(container: Container) -> None:
    refuse(container, SMS, "", "account_unknown", "")
    (line,) = lines_about("refusals")
    assert "account_unknown. They name no account of the settings. " in line


def test_url_that_only_names_the_default_port_is_not_shown(container: Container) -> None:
    both = f"{URL} https://hooks.example.com:443/webhooks/sms https://hooks.example.com:8443/x"
    refuse(container, SMS, ACCOUNT, "signature_mismatch", both)
    (line,) = lines_about("refusals")
    assert f"checked with {URL} https://hooks.example.com:8443/x. " in line


def test_plain_http_is_named_where_no_signature_fits(container: Container) -> None:
    refuse(container, SMS, ACCOUNT, "signature_mismatch", URL.replace("https", "http"))
    (line,) = lines_about("refusals")
    assert "Frontdesk checked http, and providers most likely call https" in line


def test_wrong_path_is_told_with_the_right_urls(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(container, None, "", "path_unknown", "")
    (line,) = lines_about("refusals")
    assert "to a path that is no webhook (404). The right URLs end with /webhooks/" in line
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://hooks.example.com")
    (line,) = lines_about("refusals")
    assert all(f"https://hooks.example.com/webhooks/{channel}" in line for channel in ChannelType)


def test_older_refusals_are_not_shown(
    container: Container, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(minutes=61))
    refuse(container, SMS, ACCOUNT, "signature_mismatch", URL)
    assert lines_about("refusals") == ["ok: none in the last hour"]


def test_ten_kinds_of_refusals_are_shown_and_the_others_counted(container: Container) -> None:
    for number in range(14):
        refuse(container, SMS, ACCOUNT, "signature_mismatch", f"{URL}/{number}")
    lines = lines_about("refusals")
    assert len(lines) == 11
    assert f"checked with {URL}/13. " in lines[0]
    assert lines[-1] == "warning: 4 more kinds in the last hour"


def test_every_reason_that_a_parser_gives_has_a_remedy(container: Container) -> None:
    reasons = {
        SMS: ("signature_mismatch", "signature_missing", "signature_ill_formed", "not_a_form"),
        EMAIL: (
            *("signature_mismatch", "signature_missing", "signature_ill_formed"),
            *("timestamp_missing", "timestamp_ill_formed", "timestamp_outside_tolerance"),
            *(
                "basic_auth_missing",
                "basic_auth_mismatch",
                "header_repeated",
                "no_secret_configured",
            ),
        ),
    }
    for channel, codes in reasons.items():
        for code in (*codes, "account_unknown", "too_large"):
            found = PROVIDERS[channel]().explained(code)
            assert found, code
            assert found.remedy or "forged" in found.cause, code


def test_doctor_says_that_it_cannot_see_refusals_of_a_server_that_cannot_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (line,) = lines_about("refusals", exit_code=1)
    assert line.startswith("skipped: ")
    assert "where no command sees them" in line


def test_backlog_is_named_as_skipped_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert lines_about("backlog", exit_code=1) == [
        "skipped: not looked at while there is an error: spool, pending, "
        "unmatched, dead letters, queues"
    ]


def test_queue_that_no_consumer_empties_is_a_warning(
    container: Container, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(hours=3))
    published_at = container.clock()()
    container.context_queue().publish(a_context(), Route(SMS_HANDOFF, timedelta(0)))
    (line,) = lines_about("consumers")
    assert line.startswith(
        f"warning: sms-handoff: 1 ready, 0 taken, the oldest is there since "
        f"{readable(published_at)[:16]}"
    )
    assert line.endswith(
        "(3 h): no consumer takes its contexts. Start or repair the consumer of sms-handoff"
    )


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [
        (30, "a consumer takes contexts and does not acknowledge all"),
        (60, "a consumer took a context and keeps it for 40 min more"),
    ],
)
def test_consumer_that_never_acknowledges_is_told_from_none(
    container: Container, at: Callable[[timedelta], None], minutes: int, reason: str
) -> None:
    at(timedelta(minutes=20))
    queue = container.context_queue()
    queue.publish(a_context(), Route(SMS_HANDOFF, timedelta(0)))
    assert queue.receive(SMS_HANDOFF, 1, visibility=timedelta(minutes=minutes))
    (line,) = lines_about("consumers")
    assert "0 ready, 1 taken" in line
    assert f"(20 min): {reason}" in line


def test_fresh_and_delayed_contexts_are_ok_with_their_age(
    container: Container, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(minutes=10))
    queue = container.context_queue()
    queue.publish(a_context(), Route(SMS_HANDOFF, timedelta(0)))
    queue.publish(a_context(), Route(SMS_REPLIES, timedelta(hours=1)))
    assert lines_about("consumers") == [
        "ok: sms-replies 1 (oldest 10 min), sms-handoff 1 (oldest 10 min)"
    ]


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (None, "skipped: the system does not say whether it is kept; "),
        (KernelClock(True, timedelta(seconds=0.25)), "ok: kept by a time service, at most 0.25 s"),
        (KernelClock(False, timedelta(seconds=16)), "warning: the kernel says that no time "),
    ],
)
def test_clock_is_reported_as_the_kernel_knows_it(
    monkeypatch: pytest.MonkeyPatch, kernel: KernelClock | None, expected: str
) -> None:
    monkeypatch.setattr(clock_checks, "kernel_clock", lambda: kernel)
    (line,) = lines_about("clock")
    assert line.startswith(expected)
    assert "the providers' clocks are not asked" in line


def test_clock_that_was_set_back_is_noticed_by_the_files(data_dir: Path) -> None:
    run_frontdesk("demo")
    later = (utc_now() + timedelta(hours=1)).replace(microsecond=0)
    os.utime(data_dir / "frontdesk.db", (later.timestamp(), later.timestamp()))
    line, _ = lines_about("clock")
    assert line.startswith(
        f"warning: it was set back: a file in {data_dir} is of {readable(later)}, which is still"
    )
