"""Fallbacks by mail, posted to an HTTP server on the loopback interface."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from domain.channels import ChannelType
from domain.errors import FallbackNotSentError, FallbackUncertainError
from domain.fallback import Fallback
from infrastructure.channels.sendgrid.sender import SendgridFallbackSender
from infrastructure.configuration.secrets.accounts import SendgridAccount
from infrastructure.configuration.secrets.secret import Secret

API_KEY = "SG.invented-key"
ACCOUNT = SendgridAccount("acme", api_key=Secret(API_KEY), mail_from="no-reply@acme.example")
FALLBACK = Fallback(
    channel=ChannelType.EMAIL,
    account="acme",
    to="ana@example.com",
    sent_from="help@acme.example",
    text="We could not find your conversation.",
    in_reply_to="<m2@example.com>",
    references=("<m1@example.com>",),
)


@dataclass
class MailApi:
    """The part of SendGrid's API that the sender calls, with scripted responses."""

    status: int = 202
    delay_seconds: float = 0.0
    hang_up: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


def handler_for(api: MailApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            api.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
            time.sleep(api.delay_seconds)
            if api.hang_up:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(api.status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as inherited
            """Say nothing."""

    return Handler


@pytest.fixture
def api() -> Iterator[MailApi]:
    api = MailApi()
    server = HTTPServer(("127.0.0.1", 0), handler_for(api))
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # hung up
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


def send(url: str, fallback: Fallback = FALLBACK, account: SendgridAccount = ACCOUNT) -> None:
    SendgridFallbackSender(lambda: (SendgridAccount("other"), account), url).send(fallback)


def sent(api: MailApi) -> dict[str, Any]:
    (request,) = api.requests
    body: dict[str, Any] = json.loads(request["body"])
    return body


def test_fallback_is_posted_as_the_sendgrid_api_expects(api: MailApi) -> None:
    send(api.url)
    assert sent(api) == {
        "personalizations": [{"to": [{"email": "ana@example.com"}]}],
        "from": {"email": "no-reply@acme.example"},
        "subject": "Auto: your message",
        "content": [{"type": "text/plain", "value": "We could not find your conversation."}],
        "headers": {
            "Auto-Submitted": "auto-replied",
            "X-Auto-Response-Suppress": "All",
            "Precedence": "bulk",
            "In-Reply-To": "<m2@example.com>",
            "References": "<m1@example.com> <m2@example.com>",
        },
    }
    assert api.requests[0]["path"] == "/v3/mail/send"
    assert api.requests[0]["headers"]["Authorization"] == f"Bearer {API_KEY}"


def test_line_breaks_are_removed_from_every_value_of_a_fallback(api: MailApi) -> None:
    odd = Fallback(
        ChannelType.EMAIL,
        "acme",
        "ana@example.com\r\nBcc: x@example.org",
        "help@acme.example",
        "Text",
        subject="Hi\r\nBcc: y@example.org",
        in_reply_to="<a@b>\r\nX: y",
        references=("<c@d>", "<e\r\n@f>", "<\u00e9@g>", "no id"),
    )
    send(api.url, odd)
    body = sent(api)
    assert body["subject"] == "Auto: Hi Bcc: y@example.org"
    assert body["personalizations"][0]["to"][0]["email"] == "ana@example.com Bcc: x@example.org"
    assert body["headers"]["References"] == "<c@d>"
    assert "In-Reply-To" not in body["headers"]


def test_fallback_to_a_hashed_message_id_has_no_thread_headers(api: MailApi) -> None:
    send(api.url, replace(FALLBACK, in_reply_to="sha256:00", references=()))
    assert not {"In-Reply-To", "References"} & set(sent(api)["headers"])


def test_references_of_a_long_thread_are_its_first_and_its_latest(api: MailApi) -> None:
    references = tuple(f"<{number}@example.com>" for number in range(100))
    send(api.url, replace(FALLBACK, in_reply_to="<100@example.com>", references=references))
    retained = sent(api)["headers"]["References"].split()
    assert (len(retained), retained[0], retained[-1]) == (
        20,
        "<0@example.com>",
        "<100@example.com>",
    )


@pytest.mark.parametrize("status", [200, 202])
def test_fallback_accepted_by_sendgrid_is_sent(api: MailApi, status: int) -> None:
    api.status = status
    send(api.url)
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", [302, 307, 400, 401, 403, 404, 413, 429])
def test_fallback_refused_by_sendgrid_is_reported_as_not_sent(api: MailApi, status: int) -> None:
    api.status = status
    with pytest.raises(FallbackNotSentError):
        send(api.url)
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_fallback_is_uncertain_after_a_server_error_of_sendgrid(api: MailApi, status: int) -> None:
    api.status = status
    with pytest.raises(FallbackUncertainError):
        send(api.url)
    assert len(api.requests) == 1


def test_fallback_is_uncertain_after_a_time_out(api: MailApi) -> None:
    api.delay_seconds = 2.5
    with pytest.raises(FallbackUncertainError):
        send(api.url)
    assert len(api.requests) == 1


def test_fallback_is_uncertain_after_a_broken_connection(api: MailApi) -> None:
    api.hang_up = True
    with pytest.raises(FallbackUncertainError):
        send(api.url)
    assert len(api.requests) == 1


def test_fallback_is_not_sent_without_a_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FallbackNotSentError):
            send(f"http://127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize(
    "account",
    [
        SendgridAccount("acme", mail_from="x@acme.example"),
        SendgridAccount("acme", api_key=Secret(API_KEY)),
        SendgridAccount("stranger", api_key=Secret(API_KEY), mail_from="x@acme.example"),
        SendgridAccount("acme", api_key=Secret("two\r\nlines"), mail_from="x@acme.example"),
    ],
)
def test_account_without_a_valid_key_and_sender_sends_no_fallback(
    api: MailApi, account: SendgridAccount
) -> None:
    with pytest.raises(FallbackNotSentError):
        send(api.url, account=account)
    assert api.requests == []


@pytest.mark.parametrize("status", [202, 400, 500])
def test_log_and_error_show_no_key_address_or_text(
    api: MailApi, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    api.status = status
    output = ""
    with caplog.at_level(logging.DEBUG):
        try:
            send(api.url)
        except (FallbackNotSentError, FallbackUncertainError) as error:
            output = repr(error)
    output += caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert not [
        secret for secret in (API_KEY, FALLBACK.to, FALLBACK.text, "acme") if secret in output
    ]
