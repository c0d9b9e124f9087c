"""The simulator plays providers against its own server, and follows what it sent."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.channels import ChannelType
from entrypoints.simulation.demo import open_demo
from infrastructure.configuration.settings import VARIABLES
from tests.entrypoints.cli.support import run_frontdesk
from tests.entrypoints.http.console.browsing import text_of
from tests.entrypoints.http.console.simulating import (
    Simulator,
    sent_ids,
    simulating,
)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulating(tmp_path_factory.mktemp("simulator")) as simulator:
        open_demo(simulator.api.container.open_conversation())
        yield simulator


def latest(simulator: Simulator, channel: str) -> str:
    """The latest message of the demo conversation, without what is made anew for each."""
    return re.sub(
        r"[0-9a-f]{2,}/[0-9a-f]+\.[0-9a-f]+|[0-9a-f]{4,}|[\d:.]{6,}",
        "…",
        str(_history(simulator, channel)[0]),
    )


def _history(simulator: Simulator, channel: str) -> list[dict[str, Any]]:
    """All messages of the demo conversation, the latest first."""
    (conversation,) = simulator.api.get("/v1/conversations", channel=channel)["items"]
    path = f"/v1/conversations/{channel}/{conversation['conversation_id']}/messages"
    messages: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        found = simulator.api.get(path, limit=100, **after)
        messages += found["items"]
        if not found["cursor"]:
            return messages
        after = {"after": found["cursor"]}


KINDS: list[tuple[str, dict[str, str], list[str]]] = [
    ("whatsapp", {}, []),
    ("whatsapp", {"body": "", "option.location": "52.5,13.4,Café, Berlin"},
     ["--location", "52.5,13.4,Café, Berlin"]),
    ("whatsapp", {"body": "", "option.button": "Yes=yes_1"}, ["--button", "Yes=yes_1"]),
    ("whatsapp", {"option.media": "https://m.example/a.png\r\nhttps://m.example/b"},
     ["--media", "https://m.example/a.png", "--media", "https://m.example/b"]),
    ("sms", {}, []),
    ("sms", {"body": "", "option.media": "https://m.example/a.png"},
     ["--media", "https://m.example/a.png"]),
    ("email", {"sender": "Ana <ana@example.com>"}, ["--from", "Ana <ana@example.com>"]),
    ("email", {"option.subject": "Größe", "option.charset": "iso-8859-1", "body": "Zu groß"},
     ["--subject", "Größe", "--charset", "iso-8859-1"]),
    ("email", {"option.html": "<p>Hello <b>you</b></p>", "body": ""},
     ["--html", "<p>Hello <b>you</b></p>"]),
    ("email", {"option.raw": "on", "option.spf": "fail", "option.dkim": "none"},
     ["--raw", "--spf", "fail", "--dkim", "none"]),
]  # fmt: skip


@pytest.mark.parametrize(("channel", "fields", "options"), KINDS)
def test_message_is_recorded_as_the_command_sends_it(
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    fields: dict[str, str],
    options: list[str],
) -> None:
    page = simulator.send(channel, fields)
    assert "200 OK" in text_of(page)
    (message_id,) = sent_ids(page)
    recorded = latest(simulator, channel)
    _send(simulator, monkeypatch, channel, fields, options)
    assert latest(simulator, channel) == recorded
    assert f"/trace?subject={message_id[:2]}" in page.replace("%3C", "<")
    assert f'href="/conversations/{channel}/' in page


def _send(
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    fields: dict[str, str],
    options: list[str],
) -> None:
    """The same by ``frontdesk send``."""
    for name in VARIABLES:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(simulator.api.frontdesk.data_dir))
    defaults = simulator.defaults(channel)
    body = {**defaults, **fields}["body"]
    sender = [] if "--from" in options else ["--from", defaults["sender"]]
    given = ["--body", body] if body else []
    url = simulator.api.frontdesk.origin
    result = run_frontdesk("send", channel, *sender, *given, *options, "--url", url)
    assert result.exit_code == 0, result.output


def test_files_are_uploaded_and_no_path_reads_one_of_the_server(
    simulator: Simulator, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the server's own")
    files = [
        ("option.attach", "order.txt", b"42", "text/plain"),
        ("option.attach", "..\\x\r\ny/größe.pdf", b"%PDF-1.4", "application/x-wrong"),
    ]
    page = simulator.send("email", {"body": "", "option.private_key": str(secret)}, files)
    assert "200 OK" in text_of(page)
    text = latest(simulator, "email")
    assert "order.txt" in text
    assert "größe.pdf" in text
    assert "application/pdf" in text
    simulator.send("email", {"option.attach": str(secret)})
    assert "secret" not in latest(simulator, "email")


@pytest.mark.parametrize("channel", list(ChannelType))
def test_broken_signature_is_refused_and_nothing_is_stored(
    simulator: Simulator, channel: ChannelType
) -> None:
    frontdesk = simulator.api.frontdesk
    simulator.defaults(channel)
    before = frontdesk.stored_state()
    page = simulator.send(channel, {"tamper": "on"})
    assert "401 Unauthorized" in text_of(page)
    assert '{"error": "Invalid signature"}' in text_of(page)
    assert "Nothing of it is stored" in text_of(page)
    assert sent_ids(page) == []
    assert frontdesk.stored_state() == before


@pytest.mark.parametrize("channel", list(ChannelType))
def test_same_webhook_twice_is_recorded_once(simulator: Simulator, channel: ChannelType) -> None:
    duplicates = simulator.api.frontdesk.counted("Duplicates")
    text = f"Twice by {channel}"
    page = simulator.send(channel, {"how_often": "repeated", "body": text})
    assert "2 ×" in text_of(page)
    assert "same, byte for byte" in text_of(page)
    assert len(sent_ids(page)) == 1
    assert _recorded(simulator, channel, text) == 1
    assert simulator.api.frontdesk.counted("Duplicates") == duplicates + 1


def test_hundred_at_once_are_recorded_once_each(simulator: Simulator) -> None:
    fields = {"how_often": "many", "count": "100", "body": "A hundred"}
    page = simulator.send("sms", fields)
    assert "200 OK 100 ×" in text_of(page)
    assert "median" in text_of(page)
    assert len(sent_ids(page)) == 20
    assert _recorded(simulator, "sms", "A hundred") == 100


def _recorded(simulator: Simulator, channel: str, text: str) -> int:
    """How many messages of the demo conversation say ``text``. Each has another id."""
    messages = [one["message"] for one in _history(simulator, channel)]
    assert len({one["message_id"] for one in messages}) == len(messages)
    return sum(one["content"] == text for one in messages)
