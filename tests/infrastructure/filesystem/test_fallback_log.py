"""Answers in a file: appended as lines, and erased by who they were to."""

import errno
import json
import os
import stat
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from domain.channels import ChannelType
from domain.errors import FallbackNotSentError, StorageUnavailableError
from domain.fallback import Fallback
from domain.times import rfc3339
from infrastructure.filesystem.fallback_log import FileFallbackSender
from tests.builders import NOW
from tests.contracts.concurrency import at_once

ANA, BOB = "+14155550123", "+14155550199"


def a_fallback(to: str, channel: ChannelType = ChannelType.SMS) -> Fallback:
    return Fallback(channel, "AC1", to, "+15005550006", "We do not know you.")


@pytest.fixture
def sender(tmp_path: Path) -> FileFallbackSender:
    return FileFallbackSender(tmp_path / "outgoing.jsonl")


def lines(sender: FileFallbackSender) -> int:
    return len(sender.path.read_text().splitlines())


def test_answers_to_somebody_are_erased_in_any_form_of_their_address(
    sender: FileFallbackSender,
) -> None:
    sender.send(a_fallback(ANA))
    sender.send(a_fallback(f"whatsapp:{ANA}", ChannelType.WHATSAPP))
    sender.send(a_fallback("Ana@Example.com", ChannelType.EMAIL))
    sender.send(a_fallback(BOB))
    assert sender.erase([ANA, "ana@example.com"]) == 3
    assert sender.erase([ANA]) == 0
    assert ANA not in sender.path.read_text()
    assert lines(sender) == 1


def test_answers_go_by_their_age(tmp_path: Path) -> None:
    path = tmp_path / "outgoing.jsonl"
    times = [NOW + timedelta(days=days) for days in range(4)]
    sender = FileFallbackSender(path, partial(next, iter(times)))
    for _ in times:
        sender.send(a_fallback(ANA))
    assert sender.delete_older(NOW + timedelta(days=2)) == 2
    assert sender.delete_older(NOW + timedelta(days=2)) == 0
    left = [json.loads(line)["sent_at"] for line in path.read_text().splitlines()]
    assert left == [rfc3339(moment) for moment in times[2:]]


def test_what_does_not_say_when_it_was_sent_is_older_than_all(sender: FileFallbackSender) -> None:
    sender.path.write_text(f'{{"to": "{ANA}", "te\n{{"to": "{BOB}"}}\n')
    sender.send(a_fallback(BOB))
    assert sender.delete_older(NOW) == 2
    assert lines(sender) == 1


def test_an_erasure_that_is_interrupted_leaves_the_file_whole(
    sender: FileFallbackSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.send(a_fallback(ANA))
    sender.send(a_fallback(BOB))
    before = sender.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageUnavailableError):
        sender.erase([ANA])
    assert sender.path.read_bytes() == before


def test_the_file_stays_private(sender: FileFallbackSender) -> None:
    sender.send(a_fallback(ANA))
    sender.send(a_fallback(BOB))
    sender.erase([ANA])
    assert stat.S_IMODE(sender.path.stat().st_mode) == 0o600


def test_half_a_line_that_names_them_goes_too(sender: FileFallbackSender) -> None:
    sender.path.write_text(f'{{"to": "{ANA}", "te\n{{"to": "{BOB}"\n')
    assert sender.erase([ANA]) == 1
    assert BOB in sender.path.read_text()


def test_without_a_file_there_is_nothing_to_erase(sender: FileFallbackSender) -> None:
    assert sender.erase([ANA]) == 0
    assert sender.delete_older(NOW) == 0
    assert list(sender.path.parent.iterdir()) == []


def test_nothing_is_lost_that_is_sent_meanwhile(sender: FileFallbackSender) -> None:
    sends = [partial(sender.send, a_fallback(BOB)) for _ in range(50)]
    erases = [partial(sender.erase, [ANA]) for _ in range(50)]
    at_once([call for pair in zip(sends, erases, strict=True) for call in pair])
    assert lines(sender) == 50


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    sender = FileFallbackSender(tmp_path)
    with pytest.raises(StorageUnavailableError):
        sender.erase([ANA])
    with pytest.raises(FallbackNotSentError):
        sender.send(a_fallback(ANA))
