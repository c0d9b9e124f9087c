"""``frontdesk doctor --probe`` against right and wrong servers on this machine, and none."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from entrypoints.composition.container import Container
from entrypoints.operations import probes
from infrastructure.channels.twilio.verification import decode_form
from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from tests.entrypoints.cli.probed_servers import redirecting, talking, with_own_certificate
from tests.entrypoints.cli.support import OK, a_server, error_line, run_frontdesk
from tests.processes import environment, server_process

UNSIGNED = (401, "application/json", b'{"error": "Invalid signature"}')
PAGE = "text/html; charset=utf-8"

Probe = Callable[..., list[str]]


@pytest.fixture
def probe(
    data_dir: Path,
    development: DevelopmentCredentials,
    monkeypatch: pytest.MonkeyPatch,
) -> Probe:
    """What the doctor says of each channel with these settings, each line after its status."""
    monkeypatch.setenv("DATA_DIR", str(data_dir))  # where the secret is now

    def run(**settings: str) -> list[str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        lines = map(json.loads, run_frontdesk("doctor", "--probe", "--json").stdout.splitlines())
        found = [line for line in lines if line["check"] == "probe"]
        return [f"{line['status']}: {line['text']}" for line in found]

    return run


@pytest.fixture
def sms(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What the doctor says of a URL of SMS."""

    def run(url: str) -> str:
        monkeypatch.delenv("PUBLIC_BASE_URL", raising=False)
        (line,) = [line for line in probe(SMS_WEBHOOK_URL=url) if ": sms:" in line]
        return line

    return run


# What is sent, and where


def test_running_server_is_reached_and_stores_nothing(
    probe: Probe, data_dir: Path, container: Container, tmp_path: Path
) -> None:
    with server_process(environment(data_dir), tmp_path / "log") as server:
        whatsapp, sms, email = probe(PUBLIC_BASE_URL=server.origin)
    account = container.provider_accounts().twilio[0].account_sid
    for line, channel in ((whatsapp, "whatsapp"), (sms, "sms")):
        assert line == (
            f"ok: {channel}: {server.origin}/webhooks/{channel}: a status callback signed by "
            f"{account} got the right answer: it reaches Frontdesk, and the signature of this "
            "URL verifies"
        )
    assert email.startswith(f"ok: email: {server.origin}/webhooks/email: an unsigned post got the ")
    assert "That is all that can be said" in email
    log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    handled = [line["outcome"] for line in log if line["message"] == "webhook handled"]
    assert handled == ["status_callback", "status_callback", "refused"]
    assert container.message_store().list_unmatched(10).items == ()
    assert not any(depth.ready + depth.delayed for depth in container.context_queue().depths())
    assert list(container.dead_letters().each_dead_letter()) == []
    assert not list((data_dir / "spool").glob("*.json"))


def test_server_that_sees_another_url_is_told_with_what_it_tried(
    probe: Probe, data_dir: Path, tmp_path: Path
) -> None:
    environ = environment(data_dir, PUBLIC_BASE_URL="https://other.example/api")
    with server_process(environ, tmp_path / "log") as server:
        whatsapp, sms, email = probe(PUBLIC_BASE_URL=server.origin)
    for line, channel in ((whatsapp, "whatsapp"), (sms, "sms")):
        assert line.startswith(f"error: {channel}: {server.origin}/webhooks/{channel}: 401 ")
        assert "it sees another URL, or has another token" in line
        assert f"PUBLIC_BASE_URL or {channel.upper()}_WEBHOOK_URL" in line
        assert "It refused this as signature_mismatch, tried " in line
        assert f" https://other.example/api/webhooks/{channel} " in line
    assert email.startswith("ok: ")


def test_callback_is_signed_for_the_whole_url_and_says_nothing_of_anybody(
    probe: Probe, development: DevelopmentCredentials
) -> None:
    with a_server() as server:
        url = f"{server.url}/in?ref=5"
        lines = probe(SMS_WEBHOOK_URL=f"{url}#rc=5")
    assert [line.partition(":")[0] for line in lines] == ["skipped", "ok", "skipped"]
    (received,) = server.received
    assert received.path == "/in?ref=5"
    form = decode_form(received.body)
    assert form.only("MessageStatus") == "delivered"
    assert form.only("AccountSid") == development.twilio_account_sid
    assert form.only("Body") is None
    assert form.only("From") == form.only("To") == "+15005550006"


def test_probe_without_a_public_url_goes_nowhere(probe: Probe) -> None:
    assert probe() == [
        "error: PUBLIC_BASE_URL is not set: a probe goes to the configured public URL and "
        "nowhere else"
    ]
    assert error_line(run_frontdesk("doctor", "--probe"), 1) == "frontdesk: 1 problem found"


def test_probe_makes_no_development_secret(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_server() as server:
        monkeypatch.setenv("PUBLIC_BASE_URL", server.url)
        result = run_frontdesk("doctor", "--probe")
    assert result.exit_code == 1
    assert "no development secret" in result.stdout
    assert server.received == []
    assert not data_dir.exists()


def test_doctor_without_the_option_posts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_server() as server:
        monkeypatch.setenv("PUBLIC_BASE_URL", server.url)
        run_frontdesk("doctor")
    assert server.received == []


# Answers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            (200, PAGE, b"<html>Welcome</html>"),
            "200 OK, an HTML page, not Frontdesk's: another pro",
        ),
        ((200, "application/json", b'{"success": true}'), "200 OK, application/json, not Front"),
        ((401, PAGE, b"<h1>Log in</h1>"), "401 Unauthorized, an HTML page, not Frontdesk's: a pro"),
        (UNSIGNED, "401 Unauthorized, application/json: Frontdesk answers, and the signature does"),
        ((403, PAGE, b"no"), "403 Forbidden, an HTML page, not Frontdesk's: a proxy or a firewall"),
        ((404, PAGE, b"nginx"), "404 Not Found, an HTML page, not Frontdesk's: another server"),
        (
            (404, "application/json", b'{"error": "Unsupported channel"}'),
            "404 Not Found, application/json: Frontdesk answers, under a path that names no chan",
        ),
        ((405, PAGE, b""), "405 Method Not Allowed, an HTML page, not Frontdesk's"),
        ((418, "text/plain", b"tea"), "418 I'm a Teapot, text/plain, not Frontdesk's: a proxy or"),
        ((429, "text/plain", b"slow"), "429 Too Many Requests, text/plain, not Frontdesk's"),
        ((500, "text/plain", b"oops"), "500 Internal Server Error, text/plain, not Frontdesk's"),
        ((502, PAGE, b"bad"), "502 Bad Gateway, an HTML page, not Frontdesk's: the proxy does not"),
        ((503, PAGE, b"away"), "503 Service Unavailable, an HTML page, not Frontdesk's: the proxy"),
        (
            (503, "application/json", b'{"error": "Temporarily unavailable"}'),
            "503 Service Unavailable, application/json: Frontdesk answers, and can write nothing",
        ),
        ((599, "", b""), "599, without a type, not Frontdesk's: the proxy, or what stands behind"),
    ],
)
def test_wrong_answer_is_an_error_with_its_remedy(
    sms: Callable[[str], str], answer: tuple[int, str, bytes], expected: str
) -> None:
    with a_server(answer) as server:
        line = sms(f"{server.url}/in")
    assert line.startswith(f"error: sms: {server.url}/in: {expected}")


def test_mail_that_is_accepted_without_a_signature_is_an_error(probe: Probe) -> None:
    with a_server(OK, OK, (200, "application/json", b'{"success": true}')) as server:
        *_, email = probe(PUBLIC_BASE_URL=server.url)
    assert email.startswith(f"error: email: {server.url}/webhooks/email: 200 OK, application/json")


def test_redirect_is_not_followed_and_its_secrets_are_not_shown(
    sms: Callable[[str], str],
) -> None:
    with a_server() as target, redirecting(f"http://u:pass@{target.url[7:]}/x?k=v#f") as url:
        line = sms(url)
        assert target.received == []
    assert line.startswith(f"error: sms: {url}: 307 redirects to {target.url}/x: it is not follow")
    assert "pass" not in line.partition("307")[2].partition("it is not")[0]
    assert "k=v" not in line


def test_endless_page_is_read_in_part(sms: Callable[[str], str]) -> None:
    with a_server((200, PAGE, b"x" * 10_000_000)) as server:
        assert "200 OK, an HTML page, not Frontdesk's" in sms(server.url)


# No answer


def test_name_that_does_not_exist_is_an_error(sms: Callable[[str], str]) -> None:
    line = sms("https://hooks.nowhere.invalid/in")
    assert "the name hooks.nowhere.invalid cannot be resolved: look at its DNS record" in line


def test_refused_connection_is_an_error(sms: Callable[[str], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    line = sms(f"http://127.0.0.1:{port}/in")
    assert f"no way to 127.0.0.1:{port}: connection refused: does the proxy or " in line


def test_server_that_does_not_answer_is_an_error(
    sms: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = sms(f"http://127.0.0.1:{listener.getsockname()[1]}/in")
    assert "took the request and did not answer within 15 s" in line


def test_server_that_is_no_http_server_is_an_error(sms: Callable[[str], str]) -> None:
    with talking(b"220 mail.example ESMTP\r\n") as port:
        line = sms(f"http://127.0.0.1:{port}/in")
    assert f"127.0.0.1:{port} ended the connection without an answer" in line


def test_plain_http_behind_an_https_url_is_an_error(sms: Callable[[str], str]) -> None:
    with a_server() as server:
        line = sms(server.url.replace("http://", "https://"))
    assert "TLS with 127.0.0.1:" in line
    assert "does it speak https at this port?" in line
    assert server.received == []


def test_certificate_that_no_provider_trusts_is_an_error(
    sms: Callable[[str], str], tmp_path: Path
) -> None:
    with with_own_certificate(tmp_path) as port:
        line = sms(f"https://127.0.0.1:{port}/in")
    assert f"the certificate of 127.0.0.1:{port} is not trusted: self-signed certificate" in line
