"""A message on a page of its own, and a mail as it was designed."""

import re
from base64 import b64encode
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from domain.erasure import RetainedMessage
from domain.messages import MessageRecord
from tests.console.pictures import a_png
from tests.end_to_end.responses import EMAIL
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.shared_desk import shared_desk
from tests.entrypoints.http.api.steered import opened, received
from tests.entrypoints.http.console.browsing import page as shown
from tests.entrypoints.http.console.browsing import signed_in

MAIL = {"sender": "ana@example.com", "recipient": "help@acme.example"}
HTML = (
    "<p>Hello <b>you</b><script>alert(1)</script><img src='cid:lamp.png'>"
    "<img src=https://evil.example/1><img src=https://evil.example/2>"
    "<a href=https://a.example/>here</a></p>"
)
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        opened(api, channel="email", **MAIL)
        opened(api)
        yield api


@pytest.fixture(scope="module")
def session(api: Api) -> Api:
    return signed_in(api)


def mail(api: Api, html: str | None = HTML, **wanted: Any) -> str:
    """The path of a mail that came in."""
    received(api, EMAIL, **MAIL, body="Plain text", html=html, **wanted)
    return newest(api, "email")


def newest(api: Api, channel: str) -> str:
    [one] = api.get("/v1/conversations", channel=channel)["items"]
    history = api.get(f"/v1/conversations/{channel}/{one['conversation_id']}/messages")
    return f"/messages/{history['items'][0]['request_id']}"


def taken_apart(page: str) -> tuple[str, str]:
    """What we say of a mail, and the mail itself, which stands in a frame of its own."""
    [mail] = re.findall(r'<iframe sandbox title="The mail" srcdoc="([^"]*)"></iframe>', page)
    return page.replace(mail, ""), unescape(mail)


def test_mail_is_shown_as_it_was_designed_for_our_frames_alone(api: Api, session: Api) -> None:
    path = mail(api, attachments=[("lamp.png", "image/png", a_png())])
    answer = session.call("GET", f"{path}/mail")
    said, page = taken_apart(answer.data.decode())
    assert answer.status == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Hello <b>you</b>" in page
    assert "alert(1)" not in page
    assert "evil.example" not in page
    assert "2 remote pictures were left out" in said
    assert 'title="https://a.example/"' in page
    frame = f'<iframe src="{path}/mail" sandbox title="The mail as it was designed'
    assert frame in shown(session, path)


@pytest.mark.parametrize("mode", ["parsed", "raw"])
def test_own_pictures_of_a_mail_are_in_it(api: Api, session: Api, mode: str) -> None:
    path = mail(api, mode=mode, attachments=[("lamp.png", "image/png", a_png())])
    data = b64encode(a_png()).decode()
    _, page = taken_apart(shown(session, f"{path}/mail"))
    assert f'<img src="data:image/png;base64,{data}">' in page


def test_mail_cannot_hide_cover_or_imitate_what_is_said_of_it(api: Api, session: Api) -> None:
    html = (
        "<style>.note, details { display: none !important }</style></iframe>"
        "<div style='position: fixed; inset: 0'>Cover</div>"
        "<p class=note>1 remote picture was left out</p><a href='https://a.example/\"><b>'>x</a>"
    )
    said, page = taken_apart(shown(session, f"{mail(api, html)}/mail"))
    for text in ("display: none !important", "Cover", "1 remote picture was left out"):
        assert text in page
        assert text not in said
    assert "https://a.example/&#34;&gt;&lt;b&gt;" in said


def test_own_picture_that_is_not_stored_any_more_is_told(api: Api, session: Api) -> None:
    path = mail(api, attachments=[("lamp.png", "image/png", a_png())])
    for file in (api.frontdesk.data_dir / "blobs").rglob("*"):
        if file.is_file() and file.read_bytes() == a_png():
            file.unlink()
    said, page = taken_apart(shown(session, f"{path}/mail"))
    assert "1 of its own pictures is not shown" in said
    assert "Hello <b>you</b>" in page


def test_message_without_a_design_has_none(api: Api, session: Api) -> None:
    path = mail(api, None)
    assert "<iframe" not in shown(session, path)
    shown(session, f"{path}/mail", 404)
    received(api)
    shown(session, f"{newest(api, 'sms')}/mail", 404)


@pytest.mark.parametrize("path", ["/messages/none", "/messages/none/mail", "/messages/%2E%2E/mail"])
def test_unknown_message_is_not_found(session: Api, path: str) -> None:
    shown(session, path, 404)


def test_large_mail_says_so(api: Api, session: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mail(api, "<p>" + "x" * 10_000)
    monkeypatch.setattr(
        "entrypoints.http.console.conversations.message_pages.MAX_HTML_BYTES", 5_000
    )
    assert "too large or too intricate" in shown(session, f"{path}/mail")


def test_erased_mail_is_gone(api: Api, session: Api) -> None:
    path = mail(api)
    record = api.container.message_store().find_record(path.rpartition("/")[2])
    assert isinstance(record, MessageRecord)
    assert api.container.operations().erase_message()(RetainedMessage.of(record)).message
    shown(session, path, 404)
    shown(session, f"{path}/mail", 404)


def test_whole_text_and_hostile_subject_stand_on_the_page(api: Api, session: Api) -> None:
    received(api, body="y" * 1_500 + "<script>alert(1)</script>" + "z" * 20_000)
    page = shown(session, newest(api, "sms"))
    assert "z" * 20_000 in page
    assert "<script>alert" not in page
    path = mail(api, subject="<script>alert(2)</script>")
    for place in (path, f"{path}/mail"):
        assert "<script>alert" not in shown(session, place)


def test_metadata_stands_on_the_page(api: Api, session: Api) -> None:
    page = shown(session, mail(api))
    assert "author_authenticated" in page


def test_other_companies_messages_are_not_found(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (_, acme, brill):
        session = signed_in(acme.api)
        shown(session, f"/messages/{acme.request_id}")
        for path in (f"/messages/{brill.request_id}", f"/messages/{brill.request_id}/mail"):
            shown(session, path, 404)
