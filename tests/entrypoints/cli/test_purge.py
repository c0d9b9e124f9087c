"""``frontdesk purge``."""

import os
import time
from datetime import timedelta
from functools import partial

import pytest

from application.clock import utc_now
from domain.channels import ChannelType
from domain.fallback import Fallback
from entrypoints.composition.container import Container
from infrastructure.filesystem.fallback_log import FileFallbackSender
from tests.builders import a_record, an_inbound_message
from tests.entrypoints.cli.support import frontdesk, json_lines


@pytest.fixture
def old(container: Container) -> Container:
    """A queued message of long ago, and a file that was never finished."""
    message = an_inbound_message(received_at=utc_now() - timedelta(days=40))
    record = a_record(message)
    container.message_store().record(record)
    container.message_store().mark_queued(record.gate_key, utc_now())
    stale_temporary_files = container.settings().data_dir / ".1234.tmp"
    stale_temporary_files.write_text("half")
    os.utime(stale_temporary_files, (0, time.time() - 100_000))
    return container


def test_with_nothing_old_it_says_so() -> None:
    assert frontdesk("purge").stdout == "Nothing was old enough.\n"


def test_it_keeps_messages_unless_a_retention_is_set(old: Container) -> None:
    assert frontdesk("purge").stdout == "temporary files: 1\n"
    assert len(old.message_store().list_retained(10).messages) == 1


def test_it_tells_what_went(old: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGE_RETENTION_DAYS", "30")
    assert json_lines(frontdesk("purge", "--json")) == [
        {"removed": {"temporary_files": 1, "messages": 1}, "complete": True}
    ]
    assert old.message_store().list_retained(10).messages == ()


def test_answers_go_with_the_unmatched_messages_that_they_were_to(
    old: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old.settings().data_dir / "outgoing.jsonl"
    sent = [utc_now() - timedelta(days=days) for days in (31, 8, 0)]
    sender = FileFallbackSender(path, partial(next, iter(sent)))
    for _ in sent:
        sender.send(Fallback(ChannelType.SMS, "AC1", "+14155550123", "+15005550006", "Hi"))
    assert "answers: 1" in frontdesk("purge").stdout
    monkeypatch.setenv("MESSAGE_RETENTION_DAYS", "7")
    assert "answers: 1" in frontdesk("purge").stdout
    assert len(path.read_text().splitlines()) == 1


def test_a_file_that_is_no_dead_letter_keeps_nothing_from_going(old: Container) -> None:
    directory = old.settings().data_dir / "dead-letters"
    directory.mkdir()
    (directory / "note.json").write_text("{}")
    assert frontdesk("purge").stdout == "temporary files: 1\n"


def test_a_budget_that_is_used_up_is_told() -> None:
    told = frontdesk("purge", "--budget-seconds", "0.000001").stdout
    assert told.endswith("The time was used up: there may be more.\n")
