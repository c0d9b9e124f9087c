"""Refusals and checks in the console."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from application.ports.checks import CheckResult, CheckStatus
from domain.channels import ChannelType
from entrypoints.http.console import application
from entrypoints.http.console.operations import check_pages
from entrypoints.http.console.words import command, prose, upright
from entrypoints.operations.check_runs import CheckRun
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.shared_desk import shared_desk
from tests.entrypoints.http.console.browsing import HOSTILE, Visit, shown, visit

ACCOUNT = "AC" + "7" * 32
URL = "http://desk.example/webhooks/sms"
ERROR = CheckResult("spool", CheckStatus.ERROR, f"it is broken: {HOSTILE}")
CHECKS = (
    CheckResult("clock", CheckStatus.OK, "it is right"),
    CheckResult("consumers", CheckStatus.SKIPPED, "not from here"),
    CheckResult("public URL", CheckStatus.WARNING, "it is not set"),
    ERROR,
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path) as api:
        yield api


@pytest.fixture
def visitor(desk: Api) -> Visit:
    return visit(desk)


def refuse(
    api: Api, reason: str, account: str = ACCOUNT, urls: str = "", channel: ChannelType = SMS
) -> None:
    api.container.refusals().add(channel, account, reason, urls)


def test_nothing_refused_says_how_to_see_a_refusal(visitor: Visit) -> None:
    text = visitor.text("/refusals")
    assert "Nothing was refused." in text
    assert "curl -X POST" in text


def test_refusal_is_explained_with_its_remedy(desk: Api, visitor: Visit) -> None:
    refuse(desk, "signature_mismatch", urls=URL)
    refuse(desk, "signature_mismatch", urls=URL)
    refuse(desk, "basic_auth_mismatch", "sendgrid", channel=EMAIL)
    page = visitor.get("/refusals")
    text = shown(page)
    assert "Signature mismatch last hour Channel SMS" in text
    assert ACCOUNT in text
    assert "How often 2, the last one" in text
    assert URL in text
    assert "Frontdesk checked http, and providers most likely call https" in text
    assert "User or password in the URL at SendGrid" in text
    assert b'href="/signature"' in page.data


def test_path_that_is_no_webhook_is_told_the_right_ones(desk: Api, visitor: Visit) -> None:
    assert desk.frontdesk.client.request("POST", desk.frontdesk.url("/nothing")).status == 404
    text = visitor.text("/refusals")
    assert "none: the path names no webhook" in text
    assert "The right URLs end with /webhooks/whatsapp" in text


def test_refusals_come_in_pages(desk: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_pages, "PAGE_SIZE", 2)
    for code in ("signature_missing", "not_a_form", "too_large"):
        refuse(desk, code)
    assert visitor.text("/refusals").count("Code ") == 2
    page = visitor.get("/refusals").data
    assert b'href="/refusals?first=2"' in page
    assert visitor.text("/refusals", first="2").count("Code ") == 1
    assert "No more refusals." in visitor.text("/refusals", first="9")
    assert visitor.get("/refusals", first="-1").status == 422


def test_text_of_strangers_does_nothing(desk: Api, visitor: Visit) -> None:
    refuse(desk, HOSTILE, HOSTILE, HOSTILE)
    refuse(desk, "signature_mismatch", HOSTILE, HOSTILE)
    page = visitor.get("/refusals")
    assert page.status == 200
    assert b"<script>alert" not in page.data


def test_checks_are_those_of_the_doctor(visitor: Visit) -> None:
    text = visitor.text("/checks")
    assert "Secrets warning the development secret is in use" in text
    assert "No error." in text


def test_gravest_come_first_and_nothing_polls(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "run_checks", lambda _: iter(CHECKS))
    page = visit(desk).get("/checks")
    text = shown(page)
    assert "1 error to mend, and 1 warning." in text
    places = [text.index(upright(CHECKS[number].text)) for number in (3, 2, 1, 0)]
    assert places == sorted(places)
    assert b"<script>alert" not in page.data
    assert b'hx-trigger="every' not in page.data


def test_page_shows_progress_and_nobody_runs_them_twice(
    desk: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, begun = Event(), []

    def checks(_: object) -> Iterator[CheckResult]:
        begun.append(1)
        yield CHECKS[0]
        may_end.wait(10)
        yield ERROR

    monkeypatch.setattr(application, "run_checks", checks)
    monkeypatch.setattr(check_pages, "WAIT_SECONDS", 0.05)
    visitor = visit(desk)
    for _ in range(3):
        page = visitor.get("/checks")
        assert "checking … 1 found by now" in shown(page)
        assert b'hx-trigger="every 2s"' in page.data
    may_end.set()
    monkeypatch.setattr(check_pages, "WAIT_SECONDS", 10)
    found = visitor.get("/checks").data.decode()
    assert "1 error to mend." in found
    assert begun == [1]
    again = found.partition('<a class="button" href="')[2].partition('"')[0]
    for _ in range(2):
        assert visitor.get(again).status == 200
    assert begun == [1, 1]


def test_run_that_ends_during_a_look_gets_no_verdict_on_its_first_part(
    desk: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = Event()

    def checks(_: object) -> Iterator[CheckResult]:
        yield CHECKS[0]
        may_end.wait(10)
        yield ERROR

    def first_part(run: CheckRun) -> tuple[CheckResult, ...]:
        may_end.set()
        run.wait(10)
        return (CHECKS[0],)

    monkeypatch.setattr(application, "run_checks", checks)
    monkeypatch.setattr(check_pages, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(CheckRun, "results", property(first_part))
    assert "checking … 1 found by now" in shown(visit(desk).get("/checks"))


def test_time_that_is_to_come_begins_no_run_at_each_look(
    desk: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def checks(_: object) -> Iterator[CheckResult]:
        begun.append(1)
        yield from CHECKS

    monkeypatch.setattr(application, "run_checks", checks)
    visitor = visit(desk)
    for _ in range(2):
        assert visitor.get("/checks", newer="2999-01-01T00:00:00Z").status == 200
    assert begun == [1]
    assert visitor.get("/checks", newer="yesterday").status == 422


def test_companies_may_not_look(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (_, acme, _):
        visitor = visit(acme.api)
        for path in ("/refusals", "/checks"):
            assert visitor.get(path).status == 403


def test_setting_is_one_code_with_its_whole_value() -> None:
    shown_as = prose("Set PUBLIC_BASE_URL=https://hooks.shop.example/a, and correct TENANTS.")
    assert "<code>PUBLIC_BASE_URL=https://hooks.shop.example/a</code>, and" in shown_as
    assert ">TENANTS</code>." in shown_as


def test_options_of_commands_stay_whole_on_a_narrow_page() -> None:
    option = '<span class="whole">--probe</span>'
    assert command("frontdesk doctor --probe <b>") == f"frontdesk doctor {option} &lt;b&gt;"
    assert f"<code>frontdesk doctor {option}</code>" in prose("Run 'frontdesk doctor --probe' now")
    assert command("a--b") == "a--b"


def test_setting_is_code_with_all_of_its_value() -> None:
    setting = "PUBLIC_BASE_URL=https://hooks.shop.example"
    assert f">{setting}</code>; or" in prose(f"Set {setting}; or in the proxy")
    assert prose("correct TENANTS. Then").endswith(">TENANTS</code>. Then")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("came 4 min ago (2026-03-04 11:56:00 UTC).", "4 min ago"),
        ("for 1 h 24 min (since 2026-03-04 11:56:00 UTC)", "for 1 h 24 min"),
        ("for 12 h more (until 2026-03-04 11:56:00 UTC)", "for 12 h more"),
        ("Wait: it is tried in 30 s (2026-03-04 11:56:00 UTC).", "in 30 s"),
    ],
)
def test_age_is_shown_and_its_moment_is_on_hover(text: str, shown: str) -> None:
    moment = "2026-03-04 11:56:00 UTC"
    written = prose(text)
    assert f'title="{moment}" data-age>{shown}</time>' in written
    assert written.count(moment) == 1
