"""The server process with embedded storage, and commands beside it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import FRONTDESK, SERVE, environment, server_process


class InstalledFrontDesk:
    """A data directory, and a server at ``origin`` on it."""

    def __init__(self, data_dir: Path) -> None:
        self.environ = environment(data_dir)
        self.origin = ""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [FRONTDESK, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def send(self, channel: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("send", channel, "--url", self.origin, *arguments)

    def lines(self, *arguments: str) -> list[dict[str, object]]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def frontdesk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledFrontDesk]:
    directory = tmp_path_factory.mktemp("frontdesk")
    frontdesk = InstalledFrontDesk(directory / "data")
    assert frontdesk.run("demo").returncode == 0
    with server_process(frontdesk.environ, directory / "log", SERVE) as server:
        frontdesk.origin = server.origin
        yield frontdesk


@pytest.mark.parametrize(
    ("channel", "sender", "answer"),
    [
        ("whatsapp", "+14155550123", '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'),
        ("sms", "+14155550123", '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'),
        ("email", "ana@example.com", '{"success": true}'),
    ],
)
def test_signed_webhook_becomes_a_context_on_the_replies_queue(
    frontdesk: InstalledFrontDesk, channel: str, sender: str, answer: str
) -> None:
    sent = frontdesk.send(channel, "--from", sender, "--body", "Hello, olá")
    assert (sent.returncode, answer in sent.stdout) == (0, True), sent.stderr

    (line,) = frontdesk.lines("queues", "read", f"{channel}-replies", "--include-delayed")
    context = line["context"]
    assert isinstance(context, dict)
    assert context["message"]["from"] == sender
    assert context["message"]["body"].strip() == "Hello, olá"


@pytest.mark.parametrize("channel", ["whatsapp", "sms", "email"])
def test_tampered_webhook_is_refused(frontdesk: InstalledFrontDesk, channel: str) -> None:
    sent = frontdesk.send(channel, "--from", _SENDERS[channel], "--body", "Hi", "--tamper")
    assert sent.returncode == 1
    assert "401" in sent.stderr
    assert len(sent.stderr.splitlines()) == 1


_SENDERS = {"whatsapp": "+14155550123", "sms": "+14155550123", "email": "ana@example.com"}


def test_two_hundred_concurrent_copies_become_one_message(frontdesk: InstalledFrontDesk) -> None:
    message_id = "SM" + "7" * 32
    sent = frontdesk.send(
        *("sms", "--from", "+14155550123", "--body", "again", "--message-id", message_id),
        *("--times", "200", "--concurrency", "50"),
    )
    assert sent.returncode == 0, sent.stderr

    contexts = frontdesk.lines("queues", "read", "sms-replies", "--include-delayed", "--max", "500")
    ids = [line["context"]["message"]["message_id"] for line in contexts]  # type: ignore[index]  # JSON
    assert ids.count(message_id) == 1
