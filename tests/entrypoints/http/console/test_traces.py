"""The way of a message, as a picture and as a list, to everybody who may see it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import pytest
from dependency_injector import providers

from application.ports.context_queue import DelayedReader, Delivery
from application.ports.dead_letters import DeadLetterKind
from domain.errors import StorageUnavailableError
from domain.queues import QueueName
from domain.trail import FailedAttempt, MatchRule, Trail
from entrypoints.http.console.pace import seconds_until_next
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.builders import NOW, a_record
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api, given_token, running, running_locally
from tests.entrypoints.http.api.shared_desk import CUSTOMER as SHARED_CUSTOMER
from tests.entrypoints.http.api.shared_desk import shared_desk
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received
from tests.entrypoints.http.console.browsing import page, signed_in, text_of, visit
from tests.entrypoints.http.console.stored import stored

MESSAGE, LATER, STRANGE = ("SM" + digit * 32 for digit in "123")
STRANGER = "+14155550199"
MAIL = "<4711@x.example>"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data", UNAUTHENTICATED_MAIL="dead-letter") as api:
        yield api


def trace(browser: Api, subject: str, status: int = 200, **headers: str) -> str:
    return page(browser, f"/trace?subject={quote(subject, safe='')}", status, **headers)


def stops(html: str) -> dict[str, str]:
    """The state of each stop in the first picture of a page."""
    picture = html.partition('class="steps"')[0]
    pairs = re.findall(r'<div class="(?:stop|side) (\w+)[^"]*" data-stop="(\w+)">', picture)
    return {kind: state for state, kind in pairs}


def taken(desk: Api) -> Delivery:
    """The first message that waits for the AI, taken as its consumer does."""
    queue = desk.container.context_queue()
    assert isinstance(queue, DelayedReader)
    [delivery] = queue.receive_with_delayed(QueueName.parse("sms-replies"), 1)
    return delivery


def test_message_moves_along_its_way(desk: Api) -> None:
    path, conversation = opened(desk)
    received(desk, message_id=MESSAGE)
    browser = signed_in(desk)
    html = trace(browser, MESSAGE)
    assert stops(html) == {
        **dict.fromkeys(("received", "verified", "recorded", "matched", "queued"), "passed"),
        **dict.fromkeys(("spooled", "dead_letter", "unmatched", "fallback"), "missed"),
        "other_queue": "missed",
        "waiting": "here",
        **dict.fromkeys(("taken", "acknowledged"), "ahead"),
    }
    assert 'hx-trigger="every ' in html
    assert "It went to the AI: it is on sms-replies" in text_of(html)
    assert "rule the only open one" in text_of(html)
    assert f'href="{path.removeprefix("/v1")}"' in html
    assert conversation["conversation_id"] in html

    delivery = taken(desk)
    now = stops(trace(browser, MESSAGE))
    assert (now["waiting"], now["taken"], now["acknowledged"]) == ("passed", "here", "ahead")

    desk.container.context_queue().acknowledge(delivery.queue, delivery.receipt)
    now = stops(trace(browser, MESSAGE))
    assert (now["taken"], now["acknowledged"]) == ("passed", "here")


def test_message_for_a_human_takes_the_other_branch(desk: Api) -> None:
    path, _ = opened(desk)
    desk.call("PUT", f"{path}/hand-off", {"hand_off_to_human": True})
    received(desk, message_id=MESSAGE)
    html = trace(signed_in(desk), MESSAGE)
    names = re.findall(r'<div class="(?:stop|side) (\w+).*?class="name">([^<]+)', html, re.S)
    assert ("passed", "Queued for a human") in names
    assert ("missed", "Queued for the AI") in names
    assert f'<a class="button" href="{path.removeprefix("/v1")}">Open the conversation</a>' in html
    assert html.count('<a class="button" href="/queues/sms-handoff">Open sms-handoff</a>') == 1
    assert html.index(">Open the conversation</a>") < html.index("Move to sms-replies</button>")
    assert "data-copy=" not in html, "the page does all of it"
    assert "RECEIPT" not in html
    desk.call("PUT", f"{path}/hand-off", {"hand_off_to_human": False})
    html = trace(signed_in(desk), MESSAGE)
    assert "frontdesk conversations hand-off" not in html
    assert html.count(">Open the conversation</a>") == 1


def test_pending_message_names_the_error_of_its_queue(desk: Api) -> None:
    failure = FailedAttempt(NOW, "there is no queue sms-replies. Create it <b>now</b>")
    record = a_record(trail=Trail(MatchRule.ONLY, failure=failure))
    desk.container.stores().messages.record(record)
    html = trace(signed_in(desk), record.request_id)
    assert stops(html)["attempted"] == "here"
    assert "<b>now" not in html
    text = text_of(html)
    assert (
        "on no queue yet: there is no queue sms-replies. What to do Create it <b>now</b>." in text
    )
    assert f"reason {failure.reason}" in text
    assert "failed at " in text


def test_search_keeps_what_was_looked_for(desk: Api) -> None:
    browser = signed_in(desk)
    assert ' value="&#34;&gt;SM12" placeholder' in " ".join(trace(browser, '">SM12', 404).split())
    assert ' value="" placeholder' in " ".join(page(browser, "/conversations").split())


def test_unmatched_message_leads_to_the_page_that_delivers_it(desk: Api) -> None:
    received(desk, sender=STRANGER, message_id=STRANGE)
    html = trace(signed_in(desk), STRANGE)
    found = stops(html)
    assert (found["recorded"], found["unmatched"]) == ("passed", "here")
    assert (found["matched"], found["queued"]) == ("missed", "missed")
    assert "data-copy=" not in html, "the page does all of it"
    assert html.count('<a class="button" href="/unmatched">') == 1


def test_dead_letter_is_found_by_each_of_its_ids(desk: Api) -> None:
    received(desk, EMAIL, sender="ana@example.com", spf="fail", dkim="none", message_id="<1@a.b>")
    [dead_letter] = desk.frontdesk.dead_letters()
    browser = signed_in(desk)
    for subject in ("<1@a.b>", dead_letter.dead_letter_id):
        html = trace(browser, subject)
        assert stops(html)["dead_letter"] == "here"
        assert stops(html)["recorded"] == "missed"
        assert f'<a class="button" href="/dead-letters/{dead_letter.dead_letter_id}">' in html


def test_dead_letter_is_redriven_from_its_trace(desk: Api) -> None:
    exhausted = stored(desk, number=1, kind=DeadLetterKind.EXHAUSTED)
    unreadable = stored(desk, number=2)
    visitor = visit(desk)
    html = visitor.get("/trace", subject=exhausted).data.decode()
    assert f'action="/dead-letters/{exhausted}/redrive"' in html
    html = visitor.get("/trace", subject=unreadable).data.decode()
    assert "/redrive" not in html, "it would fail again"
    assert "Its signature fits what came: no proxy changed it, and a program that" in text_of(html)
    assert "Its signature fits what came" in visitor.text(f"/dead-letters/{unreadable}")


def test_messages_of_a_customer_are_cards_with_the_latest_open(desk: Api) -> None:
    opened(desk)
    for message_id in (MESSAGE, LATER):
        received(desk, message_id=message_id)
    html = trace(signed_in(desk), CUSTOMER)
    ids = [desk.get(f"/v1/trace/{one}")["messages"][0]["request_id"] for one in (LATER, MESSAGE)]
    cards = re.findall(r'<details class="[^"]*" id="message-([^"]+)"( open)?>', html)
    assert cards == [(ids[0], " open"), (ids[1], "")]
    assert html.count('role="img"') == 2
    assert text_of(html).count("The latest message: It went to the AI") == 1


def test_unknown_one_teaches_what_can_be_asked_and_names_the_refusals(desk: Api) -> None:
    browser = signed_in(desk)
    refused = desk.frontdesk.webhook(
        SMS, sender=CUSTOMER, recipient="+15005550006", body="x", tamper=True
    )
    assert desk.frontdesk.post(refused).status == 401
    html = trace(browser, MESSAGE, 404)
    text = text_of(html)
    assert f"Nothing is known of {MESSAGE}" in text
    assert "Probably refused (401)" in text
    assert "sms: 1 webhook at " in text
    assert "A repeat leaves no record" in text
    assert 'href="/refusals"' in html
    assert "frontdesk doctor says" not in text_of(html)
    assert text_of(trace(browser, MESSAGE, 200, hx_request="true")).count("Nothing is known") == 1
    assert 'hx-trigger="every ' in html  # it shows the message as soon as it comes


@pytest.mark.parametrize(("took", "seconds"), [(0.09, 2), (0.2, 10), (5.0, 60)])
def test_page_whose_search_takes_long_asks_less_often(took: float, seconds: int) -> None:
    assert seconds_until_next(took, 2) == seconds


def test_page_without_a_subject_is_a_form_that_nothing_changes(desk: Api) -> None:
    browser = signed_in(desk)
    for path in ("/trace", "/trace?subject=+"):
        html = page(browser, path)
        assert 'name="subject"' in html
        assert "hx-trigger" not in html


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "\"'><img src=x>", "\x1b[2J"])
def test_hostile_subject_is_text(desk: Api, hostile: str) -> None:
    html = trace(signed_in(desk), hostile, 404)
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_too_long_subject_is_refused(desk: Api) -> None:
    assert "subject" in trace(signed_in(desk), "x" * 1001, 422)


def test_direction_marks_in_an_address_turn_no_words_of_ours(desk: Api) -> None:
    received(
        desk, EMAIL, sender="\u202egnp@x.example", recipient="help@acme.example", message_id=MAIL
    )
    html = trace(signed_in(desk), MAIL)
    conclusion = html.partition('id="where"')[2].partition("</section>")[0]
    assert "\\u202egnp@x.example has no open conversation" in conclusion
    assert "\u202e" not in conclusion


def test_hostile_subject_of_a_mail_is_text(desk: Api) -> None:
    opened(desk, channel="email", sender="ana@example.com", recipient="help@acme.example")
    for _ in range(2):
        received(
            desk,
            EMAIL,
            sender="ana@example.com",
            recipient="help@acme.example",
            subject="<b onload=x>Hello",
        )
    html = trace(signed_in(desk), "ana@example.com")
    assert "<b onload" not in html
    assert "&lt;b onload=x&gt;Hello" in html


def test_page_keeps_what_it_shows_while_the_store_does_not_answer(desk: Api) -> None:
    opened(desk)
    received(desk, message_id=MESSAGE)
    browser = signed_in(desk)

    def silent() -> NoReturn:
        raise StorageUnavailableError("the database is locked")

    with desk.container.stores.override(providers.Callable(silent)):
        polled = browser.call("GET", f"/trace?subject={MESSAGE}", headers={"hx-request": "true"})
        # A page that asks by itself shows the text of this beside what it has.
        assert polled.status == 503
        assert polled.headers["content-type"].startswith("text/plain")
        assert polled.data == b"the store could not be asked: the database is locked"
        html = trace(browser, MESSAGE, 503)
        assert "It is not known whether" in text_of(html)
        assert "says what is wrong" not in text_of(html)
        assert html.count('<a class="button" href="/checks">See the checks</a>') == 1
        assert 'hx-trigger="every ' in html
    assert stops(trace(browser, MESSAGE))["waiting"] == "here"


def test_token_that_only_reads_may_look_and_one_that_only_writes_may_not(tmp_path: Path) -> None:
    tokens = {scope: given_token(scope, [scope]) for scope in Scope}
    lines = "\n".join(one.line for one in tokens.values())
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": lines}) as api:
        page(signed_in(api.with_token(tokens[Scope.READ].text)), "/trace")
        page(signed_in(api.with_token(tokens[Scope.WRITE].text)), "/trace", 403)
        refused = api.call("GET", "/trace?subject=x")
        assert (refused.status, refused.headers["location"]) == (
            303,
            "/sign-in?next=%2Ftrace%3Fsubject%3Dx",
        )


def test_each_company_sees_its_own_messages_alone(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (whole, acme, brill):
        browser = signed_in(acme.api)
        for subject in (brill.unmatched, brill.dead_letter, brill.request_id):
            shown = trace(browser, subject, 404)
            assert text_of(shown).count("nothing is known of this") == 1
            assert "Secret" not in shown
            assert "brill" not in shown
        own = trace(browser, SHARED_CUSTOMER)
        assert "brill" not in own
        assert 'href="/checks"' not in own
        assert 'href="/refusals"' not in own
        assert "brill" in trace(signed_in(whole), SHARED_CUSTOMER)
