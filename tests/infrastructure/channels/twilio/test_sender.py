"""A fallback is sent once, and its outcome is sent, not sent or uncertain."""

import base64
import json
import logging
import socket
import subprocess
import sys
from urllib.parse import parse_qs

import pytest

from domain.channels import ChannelType
from domain.errors import FallbackNotSentError, FallbackUncertainError, SecretsUnavailableError
from domain.fallback import Fallback
from infrastructure.channels.twilio.sender import TwilioFallbackSender
from infrastructure.configuration.secrets.accounts import TwilioAccount
from tests.infrastructure.channels.twilio.api_server import Scripted, an_error, api_server
from tests.infrastructure.channels.twilio.webhooks import ACCOUNT_SID, an_account

OTHER_SID = "AC00000000000000000000000000000009"
TOKEN = "first-token"
ACCOUNTS = (an_account("other", account_sid=OTHER_SID), an_account(TOKEN, "second-token"))
NUMBERS = ("+14155550123", "+15005550006")
TEXT = "We could not find you, Zoë 😀"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def a_fallback(
    to: str = NUMBERS[0], sent_from: str = NUMBERS[1], account: str = ACCOUNT_SID
) -> Fallback:
    return Fallback(ChannelType.SMS, account, to, sent_from, TEXT)


def a_sender(url: str, timeout_seconds: float = 5) -> TwilioFallbackSender:
    return TwilioFallbackSender(lambda: ACCOUNTS, url, timeout_seconds)


def test_fallback_is_sent_once_by_the_account_that_received_the_message() -> None:
    with api_server(Scripted()) as server:
        a_sender(server.url).send(a_fallback())
    ((path, headers, form),) = server.requests
    assert path == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    assert parse_qs(form) == {"To": [NUMBERS[0]], "From": [NUMBERS[1]], "Body": [TEXT]}
    credentials = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert credentials == f"{ACCOUNT_SID}:{TOKEN}"


def test_whatsapp_fallback_has_addresses_with_their_scheme() -> None:
    with api_server(Scripted()) as server:
        a_sender(server.url).send(a_fallback("whatsapp:US.1", "whatsapp:+15005550006"))
    ((_, _, form),) = server.requests
    assert parse_qs(form)["To"] == ["whatsapp:US.1"]
    assert parse_qs(form)["From"] == ["whatsapp:+15005550006"]


def test_line_breaks_are_removed_from_addresses_of_a_fallback() -> None:
    with api_server(Scripted()) as server:
        a_sender(server.url).send(a_fallback("+14155550123\r\n", "+1500\n5550006"))
    ((_, _, form),) = server.requests
    assert (parse_qs(form)["To"], parse_qs(form)["From"]) == ([NUMBERS[0]], [NUMBERS[1]])


PROBLEM = {"type": "https://x.example", "title": "No", "code": 20429, "status": 400}


@pytest.mark.parametrize(
    ("script", "level"),
    [
        *[(an_error(400, code), logging.INFO) for code in (21211, 21265, 21408, 21610, 21614)],
        *[(an_error(400, code), logging.INFO) for code in (63003, 63016, 99999)],
        *[(an_error(400, code), logging.ERROR) for code in (21606, 21659, 63007, 30034)],
        *[(an_error(400, code), logging.WARNING) for code in (14107, 21611, 30001, 63018)],
        (an_error(401, 20003), logging.ERROR),
        (an_error(429, 20429), logging.WARNING),
        (Scripted(400, json.dumps(PROBLEM)), logging.WARNING),
        (Scripted(400, '{"code": "21610"}'), logging.INFO),
        (Scripted(401, "not json"), logging.ERROR),
        (Scripted(404, ""), logging.INFO),
        (Scripted(429, "<html>"), logging.WARNING),
    ],
)
def test_fallback_refused_by_twilio_is_reported_as_not_sent(
    script: Scripted, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "infrastructure")
    with api_server(script) as server, pytest.raises(FallbackNotSentError):
        a_sender(server.url).send(a_fallback())
    assert len(server.requests) == 1
    ours = [record for record in caplog.records if record.name.startswith("infrastructure")]
    assert [record.levelno for record in ours] == [level]


def test_refusal_by_twilio_is_logged_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    with api_server(an_error(403, 20003)) as server, pytest.raises(FallbackNotSentError) as caught:
        a_sender(server.url).send(a_fallback())
    (record,) = caplog.records
    assert record.__dict__["provider_code"] == 20003
    assert record.__dict__["reason"] == "configuration"
    assert str(caught.value) == "Twilio refused the answer with error 20003"


@pytest.mark.parametrize(
    "script",
    [
        *[an_error(status, 20500) for status in (408, 500, 502, 503, 504)],
        Scripted(503, json.dumps(PROBLEM)),
        Scripted(500, "<html>"),
        Scripted(302, "", (("Location", "/elsewhere"),)),
        Scripted(307, "", (("Location", "/elsewhere"),)),
        Scripted(201, "not json"),
        Scripted(201, "[]"),
        Scripted(201, missing_bytes=5),
        Scripted(hangs_up=True),
    ],
)
def test_fallback_is_uncertain_after_any_other_response_and_not_repeated(script: Scripted) -> None:
    with api_server(script) as server, pytest.raises(FallbackUncertainError):
        a_sender(server.url).send(a_fallback())
    assert len(server.requests) == 1


def test_fallback_is_uncertain_after_a_time_out() -> None:
    with api_server(Scripted(is_silent=True)) as server, pytest.raises(FallbackUncertainError):
        a_sender(server.url, timeout_seconds=0.2).send(a_fallback())
    assert len(server.requests) == 1


def test_fallback_is_not_sent_after_a_refused_connection() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, but not listening
        port = reserved.getsockname()[1]
        with pytest.raises(FallbackNotSentError):
            a_sender(f"http://127.0.0.1:{port}").send(a_fallback())


def test_fallback_is_not_sent_when_the_connection_times_out() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        # The server accepts no connection, so one beyond its backlog waits for ever.
        backlog = [socket.socket() for _ in range(4)]
        for client in backlog:
            client.setblocking(False)
            client.connect_ex(address)
        with pytest.raises(FallbackNotSentError):
            a_sender(f"http://127.0.0.1:{address[1]}", timeout_seconds=0.2).send(a_fallback())
        for client in backlog:
            client.close()


def test_fallback_is_not_sent_when_the_host_name_does_not_resolve() -> None:
    with pytest.raises(FallbackNotSentError):
        a_sender("http://twilio.invalid").send(a_fallback())


@pytest.mark.parametrize(
    "accounts", [(), (an_account(account_sid=OTHER_SID),), (TwilioAccount(ACCOUNT_SID, ()),)]
)
def test_fallback_is_not_sent_without_a_token_of_the_account(
    accounts: tuple[TwilioAccount, ...],
) -> None:
    with pytest.raises(FallbackNotSentError):
        TwilioFallbackSender(lambda: accounts).send(a_fallback())


def test_fallback_is_not_sent_while_secrets_are_unavailable() -> None:
    def accounts() -> tuple[TwilioAccount, ...]:
        raise SecretsUnavailableError("later")

    with pytest.raises(FallbackNotSentError):
        TwilioFallbackSender(accounts).send(a_fallback())


@pytest.mark.parametrize(
    "script",
    [
        Scripted(),
        an_error(400, 21211, f"The 'To' number {NUMBERS[0]} is not a valid phone number: {TEXT}"),
        an_error(503, 20503, f"{NUMBERS[0]} {TEXT}"),
        Scripted(201, f"{NUMBERS[0]} {TEXT}"),
        Scripted(hangs_up=True),
    ],
)
def test_log_lines_show_no_number_token_or_text(
    script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with api_server(script) as server:
        try:
            a_sender(server.url).send(a_fallback())
        except (FallbackNotSentError, FallbackUncertainError) as error:
            logging.getLogger("caller").warning("lost: %s", error)
    everything = caplog.text + repr([record.__dict__ for record in caplog.records])
    encoded = base64.b64encode(f"{ACCOUNT_SID}:{TOKEN}".encode()).decode()
    for secret in (*NUMBERS, "4155550123", "5005550006", TEXT, "Zo", TOKEN, encoded):
        assert secret not in everything
    assert "twilio.http_client" not in {record.name for record in caplog.records}


def test_repr_of_an_account_shows_no_token() -> None:
    assert TOKEN not in repr(ACCOUNTS)


def test_parser_and_sender_do_not_import_the_rest_client_before_use() -> None:
    program = (
        "import sys, infrastructure.channels.twilio.parser, infrastructure.channels.twilio.sender;"
        "sys.exit(any(name in sys.modules for name in ('twilio.rest', 'requests', 'urllib3')))"
    )
    finished = subprocess.run([sys.executable, "-c", program], check=False)
    assert finished.returncode == 0
