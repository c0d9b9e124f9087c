"""Answers in a file: appended as lines, and erased by who they were to."""

import errno
import json
import os
import stat
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from domain.addresses import ChannelType
from domain.automatic_answers import AutomaticAnswer
from domain.errors import AnswerNotSentError, StorageUnavailableError
from domain.times import rfc3339
from infrastructure.channels.outgoing_file import OutgoingFileSender
from tests.builders import NOW
from tests.contracts.concurrency import at_once

ANA, BOB = "+14155550123", "+14155550199"


def an_answer(to: str, channel: ChannelType = ChannelType.SMS) -> AutomaticAnswer:
    return AutomaticAnswer(channel, "AC1", to, "+15005550006", "We do not know you.")


@pytest.fixture
def sender(tmp_path: Path) -> OutgoingFileSender:
    return OutgoingFileSender(tmp_path / "outgoing.jsonl")


def lines(sender: OutgoingFileSender) -> int:
    return len(sender.path.read_text().splitlines())


def test_answers_to_somebody_are_erased_in_any_form_of_their_address(
    sender: OutgoingFileSender,
) -> None:
    sender.send(an_answer(ANA))
    sender.send(an_answer(f"whatsapp:{ANA}", ChannelType.WHATSAPP))
    sender.send(an_answer("Ana@Example.com", ChannelType.EMAIL))
    sender.send(an_answer(BOB))
    assert sender.erase([ANA, "ana@example.com"]) == 3
    assert sender.erase([ANA]) == 0
    assert ANA not in sender.path.read_text()
    assert lines(sender) == 1


def test_answers_go_by_their_age(tmp_path: Path) -> None:
    path = tmp_path / "outgoing.jsonl"
    times = [NOW + timedelta(days=days) for days in range(4)]
    sender = OutgoingFileSender(path, partial(next, iter(times)))
    for _ in times:
        sender.send(an_answer(ANA))
    assert sender.forget_older(NOW + timedelta(days=2)) == 2
    assert sender.forget_older(NOW + timedelta(days=2)) == 0
    left = [json.loads(line)["sent_at"] for line in path.read_text().splitlines()]
    assert left == [rfc3339(moment) for moment in times[2:]]


def test_what_does_not_say_when_it_was_sent_is_older_than_all(sender: OutgoingFileSender) -> None:
    sender.path.write_text(f'{{"to": "{ANA}", "te\n{{"to": "{BOB}"}}\n')
    sender.send(an_answer(BOB))
    assert sender.forget_older(NOW) == 2
    assert lines(sender) == 1


def test_an_erasure_that_is_interrupted_leaves_the_file_whole(
    sender: OutgoingFileSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.send(an_answer(ANA))
    sender.send(an_answer(BOB))
    before = sender.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageUnavailableError):
        sender.erase([ANA])
    assert sender.path.read_bytes() == before


def test_the_file_stays_private(sender: OutgoingFileSender) -> None:
    sender.send(an_answer(ANA))
    sender.send(an_answer(BOB))
    sender.erase([ANA])
    assert stat.S_IMODE(sender.path.stat().st_mode) == 0o600


def test_half_a_line_that_names_them_goes_too(sender: OutgoingFileSender) -> None:
    sender.path.write_text(f'{{"to": "{ANA}", "te\n{{"to": "{BOB}"\n')
    assert sender.erase([ANA]) == 1
    assert BOB in sender.path.read_text()


def test_without_a_file_there_is_nothing_to_erase(sender: OutgoingFileSender) -> None:
    assert sender.erase([ANA]) == 0
    assert sender.forget_older(NOW) == 0
    assert list(sender.path.parent.iterdir()) == []


def test_nothing_is_lost_that_is_sent_meanwhile(sender: OutgoingFileSender) -> None:
    sends = [partial(sender.send, an_answer(BOB)) for _ in range(50)]
    erases = [partial(sender.erase, [ANA]) for _ in range(50)]
    at_once([call for pair in zip(sends, erases, strict=True) for call in pair])
    assert lines(sender) == 50


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    sender = OutgoingFileSender(tmp_path)
    with pytest.raises(StorageUnavailableError):
        sender.erase([ANA])
    with pytest.raises(AnswerNotSentError):
        sender.send(an_answer(ANA))
