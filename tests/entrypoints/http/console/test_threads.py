"""A conversation as a page: what was written, who answers, and whether it is open."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application.clock import utc_now
from domain.conversations import Direction, Message
from domain.messages import ConversationKey
from entrypoints.http.console.conversations import thread_pages
from entrypoints.http.console.conversations.thread import Reading
from infrastructure.channels.twilio.simulator import Button, Location, Media
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.builders import a_conversation
from tests.console.pictures import a_png
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.entrypoints.http.api.clients import Api, given_token, running, running_locally
from tests.entrypoints.http.api.shared_desk import shared_desk
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received
from tests.entrypoints.http.console.browsing import forms, pressed, signed_in
from tests.entrypoints.http.console.browsing import page as shown

MAIL = {"sender": "ana@example.com", "recipient": "help@acme.example"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data") as api:
        yield api


@pytest.fixture
def session(api: Api) -> Api:
    return signed_in(api)


def conversation(api: Api, **changes: Any) -> str:
    """The path of the page of a new conversation."""
    return opened(api, **changes)[0].removeprefix("/v1")


def texts(page: str) -> list[str]:
    return [part.partition("</div>")[0] for part in page.split('<div class="text" dir="auto">')[1:]]


def test_messages_stand_in_order_with_state_and_trace(api: Api, session: Api) -> None:
    path = conversation(api)
    for number in range(3):
        received(api, body=f"Line {number}")
    page = shown(session, path)
    assert texts(page) == ["Line 0", "Line 1", "Line 2"]
    history = api.get(f"/v1{path}/messages")["items"]
    for one in history:
        assert f'href="/trace?subject={one["request_id"]}"' in page
    assert page.count('<span class="badge plain">queued</span>') == 3
    assert 'role="log"' in page
    assert f'hx-get="{path}"' in page


def test_older_messages_are_on_pages_that_do_not_renew_themselves(
    api: Api, session: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_pages, "PAGE_SIZE", 2)
    path = conversation(api)
    for number in range(5):
        received(api, body=f"Line {number}")
    page = shown(session, path)
    seen: list[str] = []
    while True:
        seen = texts(page) + seen
        before, link, rest = page.partition(f'href="{path}?after=')
        if not link:
            break
        page = shown(session, f"{path}?after={rest.partition(chr(34))[0]}")
        assert "hx-get" not in page.partition('<div id="live"')[2].partition(">")[0]
        assert f'href="{path}">Latest messages' in page
    assert seen == [f"Line {number}" for number in range(5)]
    assert "The conversation begins here." in before


def test_wrong_cursor_and_unknown_conversation_are_told(api: Api, session: Api) -> None:
    path = conversation(api)
    assert "cursor" in shown(session, f"{path}?after=wrong", 422)
    assert "conversation" in shown(session, "/conversations/sms/none", 404)
    shown(session, "/conversations/fax/none", 422)


def test_new_conversation_says_what_to_type(api: Api, session: Api) -> None:
    page = shown(session, conversation(api))
    assert f"frontdesk send sms --from {CUSTOMER} --to +15005550006 --body Hello" in page


def test_command_to_copy_is_safe_in_a_shell(api: Api, session: Api) -> None:
    api.frontdesk.given_conversation(
        SMS, conversation_id="c", sender_id="a;id `id`", recipient_id="1"
    )
    page = shown(session, "/conversations/sms/c")
    assert "frontdesk send sms --from &#39;a;id `id`&#39; --to 1 --body Hello" in page


def test_hand_off_in_the_page_routes_the_next_message(api: Api, session: Api) -> None:
    path = conversation(api)
    answer = pressed(session, shown(session, path), "/hand-off", "Human")
    page = answer.data.decode()
    assert answer.status == 200
    assert "the next message goes to sms-handoff" in page
    assert f'hx-get="{path}"' in page  # it goes on renewing itself
    received(api)
    assert [*api.frontdesk.contexts()] == ["sms-handoff"]
    assert pressed(session, page, "/hand-off", "AI").status == 200
    received(api)
    assert [*api.frontdesk.contexts()] == ["sms-replies"]


def test_status_is_set(api: Api, session: Api) -> None:
    path = conversation(api)
    answer = pressed(session, shown(session, path), "/status", "closed")
    assert (answer.status, api.get(f"/v1{path}")["conversation_status"]) == (200, "closed")
    page = answer.data.decode()
    assert "Closed: new messages of this customer do not come here" in page
    assert "appears here by itself" not in page
    assert (
        "once the conversation is open again"
        in pressed(session, page, "/hand-off", "Human").data.decode()
    )


def test_stale_change_says_what_changed_and_does_nothing(api: Api, session: Api) -> None:
    path = conversation(api)
    old = shown(session, path)
    api.call("PUT", f"/v1{path}/hand-off", {"hand_off_to_human": True})
    answer = pressed(session, old, "/status", "closed")
    assert answer.status == 412
    assert "Nothing was done" in answer.data.decode()
    assert "a human answers now" in answer.data.decode()
    assert api.get(f"/v1{path}")["conversation_status"] == "active"
    api.call("PUT", f"/v1{path}/status", {"conversation_status": "closed"})
    page = pressed(session, old, "/hand-off", "AI").data.decode()
    assert "the status is closed now" in page
    assert api.get(f"/v1{path}")["hand_off_to_human"] is True


def test_customer_who_writes_meanwhile_does_not_undo_a_hand_off(api: Api, session: Api) -> None:
    path = conversation(api)
    old = shown(session, path)
    received(api)
    assert pressed(session, old, "/hand-off", "Human").status == 200
    assert api.get(f"/v1{path}")["hand_off_to_human"] is True


@pytest.mark.parametrize(
    ("action", "fields"), [("hand-off", {"answers": "both"}), ("status", {"status": "gone"})]
)
def test_wrong_choice_changes_nothing(
    api: Api, session: Api, action: str, fields: dict[str, str]
) -> None:
    path = conversation(api)
    before = api.get(f"/v1{path}")
    [seen] = [f for (_, name), f in forms(shown(session, path)).items() if name == "Human"]
    assert session.post_form(f"{path}/{action}", {**seen, **fields}).status == 422
    assert (
        session.post_form(f"{path}/{action}", {"answers": "human", "status": "closed"}).status
        == 403
    )
    assert api.get(f"/v1{path}") == before


def test_reader_has_no_controls_and_is_refused(tmp_path: Path) -> None:
    both, reader = given_token("both"), given_token("reader", [Scope.READ])
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": f"{both.line}\n{reader.line}"}) as api:
        path = conversation(api.with_token(both.text))
        [fields] = [
            fields
            for (_, name), fields in forms(
                shown(signed_in(api.with_token(both.text)), path)
            ).items()
            if name == "Human"
        ]
        session = signed_in(api.with_token(reader.text))
        page = shown(session, path)
        assert forms(page) == {}
        csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        answer = session.post_form(f"{path}/hand-off", {**fields, "csrf_token": csrf})
        assert answer.status == 403
        assert api.with_token(both.text).get(f"/v1{path}")["hand_off_to_human"] is False


def test_other_companies_conversation_is_not_found(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (_, acme, brill):
        session = signed_in(acme.api)
        for other, status in ((brill, 404), (acme, 200)):
            path = f"/conversations/email/{other.conversation.conversation_id}"
            page = shown(session, path, status)
            assert (f"Secret of {other.company.name}" in page) is (status == 200)
            files = f"/messages/{other.request_id}/attachments/0"
            assert session.call("GET", files).status == status


def test_files_places_and_buttons_are_shown(api: Api, session: Api) -> None:
    mail = conversation(api, channel="email", **MAIL)
    files = [("lamp.png", "image/png", a_png()), ("<b>.pdf", "application/pdf", b"%PDF")]
    received(api, EMAIL, **MAIL, subject="Order <4711>", attachments=files, spf="fail", dkim="none")
    page = shown(session, mail)
    request_id = api.get(f"/v1{mail}/messages")["items"][0]["request_id"]
    picture = f"/messages/{request_id}/attachments/0"
    assert f'<img src="{picture}" alt="lamp.png" loading="lazy">' in page
    assert "Order &lt;4711&gt;" in page
    assert "&lt;b&gt;.pdf" in page
    assert "author not authenticated" in page
    answer = session.call("GET", picture)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["content-security-policy"] == "sandbox; frame-ancestors 'none'"


def test_shared_place_and_tapped_button_are_shown(api: Api, session: Api) -> None:
    path = conversation(api, channel="whatsapp")
    received(api, WHATSAPP, location=Location(52.5, 13.4, "Shop"))
    received(api, WHATSAPP, button=Button("Yes, please", "YES"))
    received(api, WHATSAPP, media=[Media("https://api.twilio.com/1", "image/png")])
    page = shown(session, path)
    assert "52.5, 13.4" in page
    assert "Shop" in page
    assert "Yes, please" in page
    assert "<code>YES</code>" in page
    assert "credentials are not set" in page
    assert "<img" not in page.partition('id="thread"')[2]


def test_pictures_that_a_provider_holds_are_shown_where_they_can_be_fetched(api: Api) -> None:
    path = conversation(api, channel="whatsapp")
    received(api, WHATSAPP, media=[Media("https://api.twilio.com/1", "image/png")])
    key = ConversationKey(path.rpartition("/")[2], WHATSAPP)
    [entry] = api.container.operations().list_messages()(key).items
    [held] = Reading(lambda channel: channel is WHATSAPP).shown(entry).files
    assert held.is_picture
    assert (
        held.address == f"/messages/{entry.record.request_id if entry.record else ''}/attachments/0"
    )
    [missing] = Reading(lambda _: False).shown(entry).files
    assert missing.address is None
    assert "credentials" in missing.missing


def test_message_of_another_system_has_no_trace(api: Api, session: Api) -> None:
    message = Message("m", Direction.OUTBOUND, "From us", utc_now(), SMS)
    record = a_conversation(SMS, conversation_id="old", legacy_messages=(message,))
    api.container.conversation_store().open_conversation(record)
    page = shown(session, "/conversations/sms/old")
    assert texts(page) == ["From us"]
    assert "it has no trace" in page
    assert 'class="message outbound"' in page


def test_hostile_text_is_text_and_long_text_is_cut(api: Api, session: Api) -> None:
    path = conversation(api, company_name="<script>name</script>")
    received(api, body="<script>alert(1)</script>\u202e" + "x" * 10_000)
    page = shown(session, path)
    assert "<script>alert" not in page
    assert "<script>name" not in page
    assert len(texts(page)[0]) < 1_300
    request_id = api.get(f"/v1{path}/messages")["items"][0]["request_id"]
    assert f'href="/messages/{request_id}">Whole message' in page


def test_mail_is_shown_without_what_it_quotes_and_with_its_first_files(
    api: Api, session: Api
) -> None:
    path = conversation(api, channel="email", **MAIL)
    body = "Thanks!\n\nOn Mon, 2 Nov 2026 at 10:00, Help <help@acme.example> wrote:\n> Old text\n"
    files = [(f"{number}.txt", "text/plain", b"x") for number in range(15)]
    received(api, EMAIL, **MAIL, body=body, attachments=files)
    page = shown(session, path)
    assert [text.strip() for text in texts(page)] == ["Thanks!…"]
    assert "with what it quotes" in page
    assert "3 more files" in page
    request_id = api.get(f"/v1{path}/messages")["items"][0]["request_id"]
    whole = shown(session, f"/messages/{request_id}")
    assert "&gt; Old text" in whole
    assert "14.txt" in whole


def test_page_of_a_long_conversation_is_light(api: Api, session: Api) -> None:
    path = conversation(api)
    for number in range(thread_pages.PAGE_SIZE + 1):
        received(api, body=f"{number} " + "long text " * 150)
    page = shown(session, path)
    assert page.count("<article") == thread_pages.PAGE_SIZE
    addresses = set(re.findall(r'(?:src|href)="(/assets/[^"]*)"', page))
    assets = sum(len(session.call("GET", address).data) for address in addresses)
    assert len(addresses) >= 3
    assert len(page.encode()) + assets < 150_000
