"""Fallbacks are appended to a file as lines."""

import json
import stat
from functools import partial
from pathlib import Path

import pytest

from domain.channels import ChannelType
from domain.errors import FallbackNotSentError
from domain.fallback import Fallback
from domain.times import rfc3339
from infrastructure.filesystem.fallback_log import FileFallbackSender
from tests.builders import NOW
from tests.contracts.concurrency import at_once

FALLBACK = Fallback(ChannelType.SMS, "AC1", "+14155550123", "+15005550006", "We do not know you.")


@pytest.fixture
def sender(tmp_path: Path) -> FileFallbackSender:
    return FileFallbackSender(tmp_path / "fallbacks.jsonl", lambda: NOW)


def test_each_fallback_is_appended_as_a_line(sender: FileFallbackSender) -> None:
    sender.send(FALLBACK)
    sender.send(FALLBACK)
    first, second = sender.path.read_text().splitlines()
    assert first == second
    content = json.loads(first)
    assert content["to"] == FALLBACK.to
    assert content["text"] == FALLBACK.text
    assert content["sent_at"] == rfc3339(NOW)


def test_fallback_file_is_private(sender: FileFallbackSender) -> None:
    sender.send(FALLBACK)
    assert stat.S_IMODE(sender.path.stat().st_mode) == 0o600


def test_concurrent_fallbacks_are_all_written(sender: FileFallbackSender) -> None:
    at_once([partial(sender.send, FALLBACK) for _ in range(50)])
    lines = sender.path.read_text().splitlines()
    assert [json.loads(line)["to"] for line in lines] == [FALLBACK.to] * 50


def test_fallback_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FallbackNotSentError):
        FileFallbackSender(tmp_path).send(FALLBACK)
