"""The overview says what comes in, what waits, and what to do about it."""

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from application.overview.sampled_numbers import COUNTERS, numbers_of, received
from application.ports.sample_history import Sample
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from domain.routing import Route
from entrypoints.composition.container import build_container, count_for_prometheus
from entrypoints.http.console.overview import figures
from entrypoints.operations.gauges import Pace
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.sqlite.database import SqliteDatabase
from tests.builders import NOW
from tests.contracts.context_queue import AT_ONCE, HANDOFF, REPLIES, ManualClock, a_context
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.message_lists import numbered
from tests.contracts.spool import an_entry
from tests.end_to_end.frontdesk import hosting, serving
from tests.entrypoints.http.api.clients import Api, given_token
from tests.entrypoints.http.console.browsing import page as page_at
from tests.entrypoints.http.console.browsing import signed_in, text_of
from tests.infrastructure.configuration.test_settings import ON_AWS

SMS = ChannelType.SMS
ALL, ACME = given_token("everything"), given_token("acme", companies=["acme"])


@contextmanager
def overviewed(
    data_dir: Path, clock: ManualClock | None = None, token: str = "", **environ: str
) -> Iterator[Api]:
    """A front desk that counts as a server does, and a browser that has signed in."""
    container = build_container({"DATA_DIR": str(data_dir), **environ})
    if clock:
        container.clock.override(providers.Object(clock))
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        yield signed_in(Api(frontdesk).with_token(token or keep_local_token(data_dir)))


@pytest.fixture(autouse=True)
def _reading_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PACE", Pace(0.0, 0.0))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Api]:
    with overviewed(tmp_path / "data") as api:
        yield api


def text_at(browser: Api, path: str = "/") -> str:
    """What a person reads at ``path``."""
    return text_of(page_at(browser, path))


def latest(browser: Api, path: str = "/") -> dict[str, list[float | None]]:
    """The values of each plot in the step that is going on."""
    page = browser.call("GET", path).data.decode()
    found = re.search(r'data-live="([^"]*)"', page)
    assert found
    plots: dict[str, list[float | None]] = json.loads(html.unescape(found[1]))["plots"]
    return plots


def series(browser: Api, hours: int = 1) -> dict[str, Any]:
    """What the script draws."""
    response = browser.call("GET", f"/overview/series?hours={hours}")
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["cache-control"] == "no-store"
    content: dict[str, Any] = response.json()
    return content


def test_new_front_desk_says_what_to_type(browser: Api) -> None:
    assert browser.frontdesk.client.request("POST", f"{browser.frontdesk.origin}/x").status == 404
    page = text_at(browser)
    assert "1 more request came to no channel" in page  # a scanner is counted, and is no webhook
    assert "Nothing has come in yet" in page
    assert "frontdesk send sms --from" in page
    assert "OK Every backend answers" in page


def test_webhooks_show_by_channel_and_outcome_at_once(browser: Api) -> None:
    frontdesk = browser.frontdesk
    frontdesk.given_conversation(SMS)
    webhook = frontdesk.webhook(SMS)
    assert [frontdesk.post(webhook).status for _ in range(2)] == [200, 200]
    webhook.headers["X-Twilio-Signature"] = "invented"
    assert frontdesk.post(webhook).status == 401
    page = text_at(browser)
    assert "Received 3 in the last hour" in page
    assert "Outcome WhatsApp SMS Email Recorded 0 1 0 Duplicates 0 1 0 Unmatched 0 0 0" in page
    assert "1 SMS webhook of the last hour was refused: X-Twilio-Signature is no signature" in page
    assert "or they are forged. Let the proxy pass it on as it is." in page
    assert ", signature_ill_formed. " in page
    assert latest(browser)["channels"] == [0, 3, 0]
    assert latest(browser)["outcomes"] == [1, 1, 0, 1, 0]
    assert latest(browser)["contexts"] == [1, 0]
    assert "Nothing has come in yet" not in page


def test_what_waits_has_its_next_step_and_the_worst_comes_first(browser: Api) -> None:
    container = browser.container
    container.stores().messages.record(numbered(1, conversation=None))
    container.stores().messages.record(numbered(2))  # pending since long ago
    container.dead_letters().store(a_dead_letter())
    container.spool().enqueue(an_entry(reason="another process holds the write lock: end it"))
    page = browser.call("GET", "/").data.decode()
    leads = [" ".join(lead.split()) for lead in re.findall(r"<h3>(.*?)</h3>", page)]
    assert [re.sub(r" (for|since) .*?:", "", lead) for lead in leads] == [
        "1 webhook waits in the spool another process holds the write lock.",
        "1 message waits it could not be written to.",
        "1 dead letter: Frontdesk could not read it: the form has no MessageSid.",
        "1 unmatched message: no conversation is open for customer and recipient.",
    ]
    text = text_of(page)
    assert "End it. " in text
    assert "Open or reopen a conversation, and deliver it." in text
    for step in ('href="/dead-letters"', 'href="/unmatched"', "frontdesk relay", 'href="/trace'):
        assert step in page


def test_contexts_that_are_not_late_yet_are_named_all_the_same(browser: Api) -> None:
    queue = browser.container.context_queue()
    queue.publish(a_context(), AT_ONCE)
    queue.publish(a_context("request-2"), Route(HANDOFF, AT_ONCE.delay))
    queue.receive(REPLIES, 1)
    page = text_at(browser)
    assert "nothing waits for over 15 min" in page
    assert re.search(r"On queues 2 OK (oldest for \d+ s, )?1 taken Healthy", page)
    assert "sms-replies : 1 context, 1 taken and not acknowledged." in page
    assert "sms-handoff : 1 context." in page


def test_context_that_is_held_for_long_needs_attention_at_once(browser: Api) -> None:
    queue = browser.container.context_queue()
    queue.publish(a_context(), AT_ONCE)
    queue.receive(REPLIES, 1, visibility=timedelta(hours=12))
    page = text_at(browser)
    assert re.search(r"sms-replies: a consumer keeps SM\d+ for 12 h more. Answer by", page)
    assert re.search(r"Answer by hand if [-\d: ]+ UTC is too late: nothing frees it before\.", page)
    assert "Open sms-replies" in page
    assert "On queues 1 warning" in page


def test_context_that_nobody_takes_leads_to_the_queues(tmp_path: Path) -> None:
    clock = ManualClock()
    with overviewed(tmp_path, clock) as browser:
        browser.container.context_queue().publish(a_context(), AT_ONCE)
        clock.advance(seconds=14 * 60)
        assert "sms-replies: 1 context, the oldest" not in text_at(browser)
        clock.advance(seconds=2 * 60)
        page = text_at(browser)
        assert "sms-replies: 1 context, the oldest for 16 min, and no consumer takes its " in page
        assert "contexts. Start or repair the consumer of sms-replies." in page
        assert "no consumer takes its contexts. Start or repair" in text_at(browser, "/queues")
        browser.container.context_queue().receive(REPLIES, 1)
        page = text_at(browser)
        assert "and a consumer takes contexts and does not acknowledge all. See in the log" in page
        assert "a consumer takes contexts and does not" in text_at(browser, "/queues")
        assert "Open sms-replies" in page


def test_store_that_does_not_answer_is_told_and_what_was_known_stays(browser: Api) -> None:
    container = browser.container
    container.stores().messages.record(numbered(1, conversation=None))
    assert "Unmatched 1 warning " in text_at(browser)
    container.stores.override(providers.Callable(_broken))
    page = text_at(browser)
    assert "The store does not answer" in page
    assert "does not answer: no answer. Run the checks" in page
    assert "Its figures are those of 0 s ago" in page
    assert "Run the checks" in page
    assert "Unmatched 1 warning " in page
    assert latest(browser)["waiting"] == [None, 0, None, 0]
    container.stores.reset_override()
    page = text_at(browser)
    assert "not answer" not in page
    assert "Unmatched 1 warning " in page


def test_cause_that_a_backend_gives_leads_and_its_remedy_follows(browser: Api) -> None:
    browser.container.context_queue.override(providers.Callable(_missing))
    page = text_at(browser)
    assert "There is no queue sms-replies. Create it, or correct SMS_REPLIES_QUEUE_URL ." in page
    assert "The queues do not answer" not in page
    assert "NonExistentQueue" not in page


def _missing() -> None:
    raise StorageUnavailableError(
        "there is no queue sms-replies (AWS.SimpleQueueService.NonExistentQueue). Create it, or "
        "correct SMS_REPLIES_QUEUE_URL"
    )


def test_store_that_never_answered_has_no_figures(browser: Api) -> None:
    browser.container.stores.override(providers.Callable(_broken))
    page = text_at(browser)
    assert "The store does not answer" in page
    assert "Unmatched \N{EN DASH} Healthy: 0" in page


def _broken() -> None:
    raise StorageUnavailableError("no answer")


STARTED = NOW - timedelta(hours=30)


def keep(browser: Api, ago: timedelta, recorded: float, started_at: datetime = STARTED) -> None:
    """A sample of a server before this one."""
    counters = [recorded if name == received("sms", "recorded") else 0.0 for name in COUNTERS]
    sample = Sample(NOW - ago, started_at, numbers_of(counters, {"pending": recorded}))
    browser.container.operations().samples().keep(sample)


def test_restart_does_not_pretend_that_nothing_happened(tmp_path: Path) -> None:
    with overviewed(tmp_path, ManualClock()) as browser:
        for minutes, recorded in ((300, 10), (40, 20), (30, 27)):
            keep(browser, timedelta(minutes=minutes), recorded)
        page = text_at(browser)
        assert "Received 7 in the last hour" in page
        assert "Counted since 2026-03-04 12:00:00 UTC , when this server started" in page
        assert "which begin at 2026-03-04 11:20:00 UTC" in page
        assert "Received 17 in the last 6 hours" in text_at(browser, "/?hours=6")
        assert "Received 17 in the last 24 hours" in text_at(browser, "/?hours=24")


@pytest.mark.parametrize(("hours", "step", "steps"), [(1, 120, 31), (6, 600, 37), (24, 1200, 73)])
def test_script_gets_each_step_and_gaps_where_no_server_ran(
    tmp_path: Path, hours: int, step: int, steps: int
) -> None:
    with overviewed(tmp_path, ManualClock()) as browser:
        keep(browser, timedelta(minutes=40), 20)
        keep(browser, timedelta(minutes=30), 27)
        content = series(browser, hours)
        assert content["step"] == step
        assert content["start"] + (steps - 1) * step == NOW.timestamp() // step * step
        for plot in content["plots"].values():
            assert {len(line) for line in plot["lines"]} == {steps}
            assert len(plot["lines"]) == len(plot["labels"])
        line = content["plots"]["channels"]["lines"][1]
        assert sum(filter(None, line)) == 7
        assert line[0] is None
        assert line[-1] == 0
        assert max(filter(None, content["plots"]["waiting"]["lines"][0])) == 27


def test_span_that_there_is_not_is_the_last_hour(browser: Api) -> None:
    assert "in the last hour" in text_at(browser, "/?hours=7")
    assert browser.call("GET", "/?hours=x").status == 422


def test_samples_that_a_restart_loses_are_told(tmp_path: Path) -> None:
    with overviewed(tmp_path) as browser:
        (tmp_path / "samples").mkdir()
        keep(browser, timedelta(), 1)
        assert "The samples are lost at a restart" in text_at(browser)


def test_server_without_a_disk_says_that_its_samples_are_in_memory(tmp_path: Path) -> None:
    container = build_container({"DATA_DIR": str(tmp_path)}, ephemeral=True)
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        token = keep_local_token(container.settings().data_dir)
        page = text_at(signed_in(Api(frontdesk).with_token(token)))
        assert "The samples are lost at a restart: they are in the memory of this server." in page


def test_figures_on_aws_are_told_to_be_those_of_this_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    tokens = {"API_TOKENS": ALL.line, "SESSION_KEY": "00" * 32}
    container = build_container({**ON_AWS, **tokens, "DATA_DIR": str(tmp_path)})
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        for provider in (container.stores, container.context_queue, container.spool):
            provider.override(providers.Callable(_broken))
        container.dead_letters.override(providers.Callable(_broken))
        page = text_at(signed_in(Api(frontdesk).with_token(ALL.text)))
        assert "those of this server alone" in page
        assert "The queues do not answer" in page


def test_who_sees_one_company_sees_no_figures(tmp_path: Path) -> None:
    tokens = "\n".join(token.line for token in (ALL, ACME))
    with overviewed(tmp_path, API_TOKENS=tokens, token=ACME.text) as browser:
        response = browser.call("GET", "/")
        assert (response.status, response.headers["location"]) == (303, "/conversations")
        assert browser.call("GET", "/overview/series").status == 403
        assert Api(browser.frontdesk).call("GET", "/overview/series").status == 303


def test_pages_that_ask_often_do_not_read_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    statements: list[str] = []
    with overviewed(tmp_path) as browser:
        container = browser.container
        container.database.override(
            providers.Object(
                SqliteDatabase(tmp_path / "frontdesk.db", on_statement=statements.append)
            )
        )
        text_at(browser)
        assert statements
        statements.clear()
        for _ in range(20):
            text_at(browser)
        # Within a slow run a reading may be due again: it is two statements.
        assert len(statements) <= 8
