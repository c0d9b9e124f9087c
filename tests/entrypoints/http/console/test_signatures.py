"""The doctor of signatures as a form: it explains, changes nothing and keeps no secret."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from entrypoints.http.console.operations.signature_pages import _ONE_AT_A_TIME, MOST_DIAGNOSES
from entrypoints.http.console.places import CAPTURE_BYTES, SIGNATURE
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.entrypoints.cli.signatures.captures import (
    OTHER_TOKEN,
    PUBLIC,
    TOKEN,
    curl,
    har,
    mail,
    raw,
    sms,
)
from tests.entrypoints.http.api.clients import Api, given_token, running
from tests.entrypoints.http.console.browsing import csrf_token_in, page, signed_in, text_of

BEHIND_PROXY = "http://127.0.0.1:8000/webhooks/sms"
READER = given_token("reader", [Scope.READ])
OF_ACME = given_token("acme", [Scope.READ], companies=["acme"])


@dataclass(frozen=True)
class Form:
    """The form in a browser that signed in."""

    browser: Api

    def post(self, **fields: str | bytes) -> urllib3.BaseHTTPResponse:
        """The answer to these fields; bytes are a file."""
        sent: dict[str, Any] = {
            name: value if isinstance(value, str) else ("capture", value)
            for name, value in fields.items()
        }
        token = csrf_token_in(page(self.browser, SIGNATURE))
        frontdesk = self.browser.frontdesk
        return frontdesk.client.request(
            "POST",
            frontdesk.origin + SIGNATURE,
            fields={"csrf_token": token, **sent},
            headers={**self.browser.headers, "origin": frontdesk.origin},
        )

    def answer(self, status: int = 200, **fields: str | bytes) -> str:
        """What a person reads of the answer."""
        response = self.post(**fields)
        assert response.status == status, response.data
        return text_of(response.data.decode())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    lines = f"{READER.line}\n{OF_ACME.line}"
    data = str(tmp_path_factory.mktemp("data"))
    with running({"DATA_DIR": data, "API_TOKENS": lines, **PUBLIC}) as api:
        yield api


@pytest.fixture(scope="module")
def form(desk: Api) -> Form:
    return Form(signed_in(desk.with_token(READER.text)))


@pytest.fixture(scope="module")
def form_of_acme(desk: Api) -> Form:
    return Form(signed_in(desk.with_token(OF_ACME.text)))


def test_curl_command_is_explained_with_what_to_do(form: Form) -> None:
    """As the command says it, with the secrets of the settings and with no more than 'read'."""
    sent = sms("https://hooks.acme.example/api/webhooks/sms").at(BEHIND_PROXY)
    text = form.answer(capture=curl(sent).decode())
    assert "explained curl: POST http://127.0.0.1:8000/webhooks/sms" in text
    assert "Twilio signed /api before the path that Frontdesk sees" in text
    assert "PUBLIC_BASE_URL=https://hooks.acme.example/api" in text
    assert "path_prefix_removed" in text
    assert "signatures computed, varying scheme, host" in text


def test_request_that_is_right_is_accepted(form: Form) -> None:
    assert "accepted raw HTTP: POST" in form.answer(capture=raw(sms()).decode())
    assert "accepted HAR: POST" in form.answer(file=har(sms()))


def test_mail_in_a_file_keeps_its_bytes(form: Form) -> None:
    text = form.answer(file=raw(mail()))
    assert "SENDGRID_WEBHOOK_PUBLIC_KEY" in text
    assert "no_secret" in text


def test_line_breaks_that_a_browser_adds_to_a_command_change_nothing(form: Form) -> None:
    sent = sms(body="two\nlines").saying(b"%0A", b"\n")
    command = curl(sent).decode()
    text = form.answer(capture=command.replace("\n", "\r\n"))
    assert text.partition("Tried:")[0] == form.answer(capture=command).partition("Tried:")[0]


def test_body_file_of_a_command_is_taken_for_its_body(form: Form) -> None:
    sent = sms()
    command = curl(replace(sent, body=b"@form.txt"), "--data-binary").decode()
    assert "give that file with --body" in form.answer(422, capture=command)
    assert "accepted curl: POST" in form.answer(capture=command, body=sent.body)


def test_secret_is_tried_and_stands_nowhere(
    form: Form, caplog: pytest.LogCaptureFixture, desk: Api
) -> None:
    before = {
        path: path.read_bytes() for path in desk.frontdesk.data_dir.rglob("*") if path.is_file()
    }
    caplog.set_level(logging.DEBUG)
    wrong = uuid4().hex
    response = form.post(
        capture=raw(sms(token=OTHER_TOKEN)).decode(), secrets=f"{wrong}, {OTHER_TOKEN}"
    )
    assert b"other_secret" in response.data
    for secret in (wrong, OTHER_TOKEN, TOKEN):
        assert secret.encode() not in response.data
        assert secret not in caplog.text
    assert response.headers["cache-control"] == "no-store"
    assert "changed in the console" not in caplog.text
    after = {
        path: path.read_bytes() for path in desk.frontdesk.data_dir.rglob("*") if path.is_file()
    }
    assert after == before


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        ("", "The capture is empty."),
        ("hello", "This is no capture that can be read: give a HAR file, a curl command"),
        ("curl -H 'a: b'", "Curl: the command has no URL."),
        ('{"log": ', "The capture begins like JSON, and is damaged or cut off."),
        ("GET / HTTP/1.1\nHost: a.example\n\n", "No captured request looks like a provider's"),
    ],
)
def test_wrong_capture_is_told_and_stays_in_the_form(form: Form, capture: str, reason: str) -> None:
    response = form.post(capture=capture, url="https://a.example/x")
    html = response.data.decode()
    assert response.status == 422
    assert reason in text_of(html)
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", html, re.S)
    assert found
    assert text_of(found[1]).strip() == " ".join(capture.split())
    assert 'value="https://a.example/x"' in html


def test_wrong_url_is_told(form: Form) -> None:
    assert "'hooks' is no URL" in form.answer(422, capture=raw(sms()).decode(), url="hooks")


def test_hostile_capture_is_text(form: Form) -> None:
    hostile = "</textarea><script>alert(1)</script>"
    command = f"curl 'https://a.example/<script>' -H 'X-Twilio-Signature: x' -d '{hostile}'"
    html = form.post(capture=command, url='https://a.example/"><script>').data.decode()
    assert "<script>alert" not in html
    assert "<script>'" not in html
    assert '"><script>' not in html
    assert "&lt;/textarea&gt;&lt;script&gt;" in html


def test_capture_of_many_requests_is_cut(form: Form) -> None:
    text = form.answer(file=har(*[sms()] * (MOST_DIAGNOSES + 1)))
    assert text.count("accepted HAR: POST") == MOST_DIAGNOSES
    assert f"Only the first {MOST_DIAGNOSES} webhooks" in text


def test_large_capture_is_refused_with_the_way_that_takes_it(form: Form) -> None:
    assert "accepted" in form.answer(file=har(sms()) + b" " * 500_000)
    text = form.answer(413, file=b" " * CAPTURE_BYTES)
    assert "The capture is over 2 MiB" in text
    assert "frontdesk doctor signature FILE" in text


def test_second_capture_at_once_is_asked_to_come_again(form: Form) -> None:
    with _ONE_AT_A_TIME:
        assert (
            "another capture is being looked at"
            in form.answer(503, capture=raw(sms()).decode()).lower()
        )
    form.answer(capture=raw(sms()).decode())


def test_token_of_a_company_learns_nothing_of_the_settings(form_of_acme: Form) -> None:
    capture = raw(sms().at(BEHIND_PROXY)).decode()
    text = form_of_acme.answer(capture=capture)
    assert "no_secret" in text
    assert "nothing of the settings is used" in text
    assert "hooks.acme.example" not in text.partition("The captured request")[0]
    given = form_of_acme.answer(
        capture=capture, secrets=TOKEN, url="https://hooks.acme.example/webhooks/sms"
    )
    assert "explained" in given
    assert "Twilio signed https://hooks.acme.example/webhooks/sms" in given


def test_form_of_another_page_or_session_is_refused(form: Form, form_of_acme: Form) -> None:
    browser = form.browser
    fields = {"capture": "curl https://a.example"}
    assert browser.post_form(SIGNATURE, fields).status == 403
    token = csrf_token_in(page(browser, SIGNATURE))
    assert form_of_acme.browser.post_form(SIGNATURE, {**fields, "csrf_token": token}).status == 403
    signed = {**fields, "csrf_token": token}
    assert browser.post_form(SIGNATURE, signed, origin="https://evil.example").status == 403
    assert browser.post_form(SIGNATURE, signed).status == 422


@pytest.mark.parametrize("path", ["/signature/", "/signature/x", "/signature%2f", "/trace"])
def test_only_this_form_needs_no_scope_to_write(form: Form, path: str) -> None:
    token = csrf_token_in(page(form.browser, SIGNATURE))
    assert form.browser.post_form(path, {"csrf_token": token}).status == 403


def test_scope_to_write_alone_is_not_enough(tmp_path: Path) -> None:
    writer = given_token("writer", [Scope.WRITE])
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": writer.line}) as api:
        browser = signed_in(api.with_token(writer.text))
        assert browser.post_form(SIGNATURE, {"capture": "x"}).status == 403
