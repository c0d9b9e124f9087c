"""``frontdesk send`` against a server that answers what the test wants."""

import socket
import threading
from pathlib import Path

import pytest

from domain.channels import ChannelType
from entrypoints.simulation.demo import DEMO_RECIPIENTS
from tests.entrypoints.cli.support import (
    OK,
    SMS,
    a_server,
    error_line,
    form,
    json_lines,
    run_frontdesk,
)

pytestmark = pytest.mark.usefixtures("development")

REFUSED = (401, "application/json", b'{"error": "Invalid signature"}')


class TestOneMessage:
    def test_send_prints_the_response_and_the_message_id_to_look_for(self) -> None:
        with a_server() as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
        assert result.exit_code == 0
        head, body, message_id, hint = result.stdout.splitlines()
        assert head.startswith("200 OK  text/xml  ")
        assert head.endswith(" ms")
        assert body == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
        sent = form(server)["MessageSid"]
        assert message_id == f"message id {sent}"
        assert hint == f"look for it: frontdesk trace {sent}"

    def test_send_prints_a_json_line_per_webhook(self) -> None:
        with a_server() as server:
            (line,) = json_lines(run_frontdesk(*SMS, "--body", "Hi", "--url", server.url, "--json"))
        assert line.pop("duration_ms") > 0
        assert line == {
            "message_id": form(server)["MessageSid"],
            "status": 200,
            "content_type": "text/xml",
            "body": OK[2].decode(),
            "problem": None,
        }

    def test_send_uses_the_demo_recipient_unless_another_is_given(self) -> None:
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
            run_frontdesk(*SMS, "--to", "+15005550009", "--body", "Hi", "--url", server.url)
        recipients = [form(server, number)["To"] for number in (0, 1)]
        assert recipients == [DEMO_RECIPIENTS[ChannelType.SMS], "+15005550009"]

    def test_refused_signature_that_was_meant_to_be_right_gets_a_hint(self) -> None:
        with a_server(REFUSED) as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
        assert "; does the server have the same secrets" in error_line(result, 1)

    @pytest.mark.parametrize(
        ("after_the_origin", "path"),
        [
            ("", "/webhooks/sms"),
            ("/", "/webhooks/sms"),
            ("?a=b", "/webhooks/sms?a=b"),
            ("/prod/webhooks/sms", "/prod/webhooks/sms"),
            ("/webhooks/whatsapp/?a=b", "/webhooks/whatsapp/?a=b"),
        ],
    )
    def test_send_adds_the_path_of_the_channel_to_a_url_without_a_path(
        self, after_the_origin: str, path: str
    ) -> None:
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--url", f"{server.url}{after_the_origin}")
        assert server.received[0].path == path

    def test_send_reports_a_refusal_in_one_line_with_status_and_body(self) -> None:
        with a_server(REFUSED) as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--tamper", "--url", server.url)
        assert error_line(result, 1) == (
            'frontdesk: not accepted: 401 Unauthorized {"error": "Invalid signature"}'
        )
        assert result.stdout.startswith("401 Unauthorized  application/json")

    def test_send_prints_a_response_without_control_characters(self) -> None:
        with a_server((500, "text/plain\x9b", b"\x1b[2J\r\nboom")) as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
        assert r"\x1b[2J boom" in error_line(result, 1)
        assert "\x1b" not in result.output

    def test_send_does_not_follow_a_redirect(self) -> None:
        with a_server((302, "text/plain", b"")) as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
        assert "302 Found" in error_line(result, 1)
        assert len(server.received) == 1

    def test_send_without_a_running_server_says_how_to_start_it(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        url = f"http://user:secret@127.0.0.1:{port}/webhooks/sms"
        result = run_frontdesk(*SMS, "--body", "Hi", "--times", "20", "--url", url)
        assert error_line(result, 1) == (
            f"frontdesk: nothing answers at http://127.0.0.1:{port}: "
            "start 'frontdesk serve', or give its address by --url"
        )

    def test_send_reports_a_broken_connection_in_one_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def hang_up() -> None:
                connection, _ = listener.accept()
                connection.recv(10)
                connection.close()

            thread = threading.Thread(target=hang_up)
            thread.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            result = run_frontdesk(*SMS, "--body", "Hi", "--url", url)
            thread.join()
        assert "not accepted: the connection broke" in error_line(result, 1)

    def test_send_stops_waiting_for_a_slow_response(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("entrypoints.simulation.posting.TIMEOUT_SECONDS", 0.2)
        with a_server() as server, server.lock:
            result = run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
        assert "not accepted: no answer within 0.2 s" in error_line(result, 1)

    def test_send_without_a_secret_says_that_the_server_must_start_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATA_DIR", str(tmp_path / "nothing"))
        result = run_frontdesk(*SMS, "--body", "Hi")
        assert "no development secret in" in error_line(result, 1)


class TestManyMessages:
    def test_sending_many_uses_different_message_ids_and_counts_the_responses(self) -> None:
        with a_server() as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--times", "25", "--url", server.url)
        assert result.exit_code == 0
        assert len({form(server, number)["MessageSid"] for number in range(25)}) == 25
        lines = result.stdout.splitlines()
        assert lines[:2] == ["answer  count", "200 OK     25"]
        assert lines[2].startswith("25 webhooks in ")
        assert "8 at once" in lines[2]
        assert lines[2].endswith(" per second")
        assert lines[3].startswith("latency: min ")
        assert lines[4].startswith("25 message ids, first SM")

    def test_sending_many_with_one_message_id_makes_duplicates(self) -> None:
        same = "SM" + "a" * 32
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--times", "5", "--message-id", same,
                      "--url", server.url)  # fmt: skip
        assert {form(server, number)["MessageSid"] for number in range(5)} == {same}

    def test_sending_many_fails_when_one_webhook_is_refused(self) -> None:
        with a_server(OK, OK, (503, "application/json", b'{"error": "later"}')) as server:
            result = run_frontdesk(*SMS, "--body", "Hi", "--times", "4", "--concurrency", "1",
                               "--url", server.url)  # fmt: skip
        assert error_line(result, 1) == (
            'frontdesk: 2 of 4 not accepted, first: 503 Service Unavailable {"error": "later"}'
        )
        assert result.stdout.splitlines()[:3] == [
            "answer                   count",
            "200 OK                       2",
            "503 Service Unavailable      2",
        ]

    def test_sending_many_opens_at_most_the_requested_number_of_connections(self) -> None:
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--times", "40", "--concurrency", "3",
                      "--url", server.url)  # fmt: skip
        assert len(server.received) == 40
        assert len(server.clients) <= 3
