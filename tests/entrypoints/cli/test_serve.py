"""``frontdesk serve`` with real webhooks and real queues."""

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
import urllib3

from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk
from tests.entrypoints.cli.test_main import COMMAND


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a running server, which shuts down after the block."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ,
        text=True,
    )
    try:
        assert process.stdout is not None
        listening = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert listening
        yield listening[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0


def send_message(url: str, channel: str, *arguments: str) -> str:
    """Send one message and return its message id."""
    (line,) = json_lines(
        run_frontdesk("send", channel, "--url", f"{url}/webhooks/{channel}", "--json", *arguments)
    )
    return str(line["message_id"])


def test_message_sent_on_each_channel_arrives_on_its_queue(tmp_path: Path) -> None:
    run_frontdesk("demo")
    file = tmp_path / "order.txt"
    file.write_text("42")
    with serving() as url:
        ids = {
            "sms": send_message(url, "sms", "--from", "+14155550123", "--body", "Grüße"),
            "whatsapp": send_message(
                url, "whatsapp", "--from", "+14155550123", "--button", "Yes=yes_1",
                "--profile-name", "Ana", "--location", "52.5,13.4,Here",
            ),
            "email": send_message(
                url, "email", "--from", "Ana <ana@example.com>", "--body", "Grüße",
                "--html", "<p>Grüße</p>", "--attach", str(file), "--raw",
            ),
        }  # fmt: skip
        refused = run_frontdesk(
            "send", "sms", "--from", "+14155550123", "--body", "Hi", "--tamper", "--url",
            f"{url}/webhooks/sms",
        )  # fmt: skip
    assert "401 Unauthorized" in error_line(refused, 1)
    for channel, message_id in ids.items():
        (line,) = json_lines(
            run_frontdesk("queues", "read", f"{channel}-replies", "--include-delayed", "--json")
        )
        assert line["context"]["message"]["message_id"] == message_id
        if channel != "whatsapp":
            assert line["context"]["message"]["body"].strip() == "Grüße"


def test_duplicate_messages_are_recorded_once() -> None:
    run_frontdesk("demo")
    same = "SM" + "0" * 32
    with serving() as url:
        answers = json_lines(
            run_frontdesk(
                "send", "sms", "--from", "+14155550123", "--body", "Hi", "--times", "6",
                "--concurrency", "3", "--message-id", same, "--url", f"{url}/webhooks/sms",
                "--json",
            )
        )  # fmt: skip
    assert [answer["message_id"] for answer in answers] == [same] * 6
    assert len(json_lines(
        run_frontdesk("queues", "read", "sms-replies", "--include-delayed", "--json")
    )) == 1  # fmt: skip


def test_serve_on_a_port_in_use_fails_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving() as url:
        monkeypatch.setenv("DATA_DIR", str(tmp_path / "other"))
        result = subprocess.run(
            [*COMMAND, "serve", "--port", url.rpartition(":")[2]],
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "(Address already in use): choose another --port" in result.stderr


def test_terminal_shows_an_address_at_which_a_browser_signs_in() -> None:
    ours, terminal = pty.openpty()
    with (
        open(ours, encoding="utf-8", errors="replace") as shown,  # noqa: PTH123 - a descriptor
        subprocess.Popen(
            [*COMMAND, "serve", "--port", "0"],
            stdout=terminal,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "COLUMNS": "200"},
        ) as process,
    ):
        os.close(terminal)
        try:
            lines = [_plain(line) for line in islice(iter(shown.readline, ""), 5)]
            assert lines[0].startswith("Frontdesk listens on http://127.0.0.1:")
            origin = lines[0].split()[3]
            assert lines[2] == ""
            assert lines[3].startswith("Open this to watch your first message")
            assert re.fullmatch(rf"  {origin}/sign-in/\S{{43}}\?next=/simulator", lines[4])
            address = lines[4].strip()
            page = urllib3.request("GET", address, retries=False, timeout=10)
            assert b"<button" in page.data
            signed_in = urllib3.request(
                "POST", address, redirect=False, headers={"origin": origin}, timeout=10
            )
            assert signed_in.headers["location"] == "/simulator"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _plain(line: str) -> str:
    """A line of a terminal, without its style."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\r\n")
