"""``frontdesk purge``."""

import os
import time
from datetime import timedelta

import pytest

from application.clock import utc_now
from entrypoints.composition.container import Container
from tests.builders import a_record, an_inbound_message
from tests.entrypoints.cli.support import json_lines, run_frontdesk


@pytest.fixture
def container_with_old_data(container: Container) -> Container:
    """A queued message of 40 days ago, and a stale temporary file."""
    message = an_inbound_message(received_at=utc_now() - timedelta(days=40))
    record = a_record(message)
    container.message_store().record(record)
    container.outbox().mark_queued(record.request_id, utc_now())
    stale_temporary_files = container.settings().data_dir / ".1234.tmp"
    stale_temporary_files.write_text("half")
    os.utime(stale_temporary_files, (0, time.time() - 100_000))
    return container


@pytest.mark.usefixtures("empty_database")
def test_purge_without_expired_data_reports_that_nothing_was_old_enough() -> None:
    assert run_frontdesk("purge").stdout == "Nothing was old enough.\n"


def test_purge_without_a_retention_setting_leaves_messages_unchanged(
    container_with_old_data: Container,
) -> None:
    assert run_frontdesk("purge").stdout == "temporary files: 1\n"
    assert len(container_with_old_data.stores().retention.list_retained(10).items) == 1


def test_purge_with_a_retention_setting_erases_and_counts_old_messages(
    container_with_old_data: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_RETENTION_DAYS", "30")
    assert json_lines(run_frontdesk("purge", "--json")) == [
        {"removed": {"temporary_files": 1, "messages": 1}, "complete": True}
    ]
    assert container_with_old_data.stores().retention.list_retained(10).items == ()


def test_purge_continues_after_a_file_that_is_no_dead_letter(
    container_with_old_data: Container,
) -> None:
    directory = container_with_old_data.settings().data_dir / "dead-letters"
    directory.mkdir()
    (directory / "note.json").write_text("{}")
    assert run_frontdesk("purge").stdout == "temporary files: 1\n"


@pytest.mark.usefixtures("empty_database")
def test_purge_reports_that_its_time_budget_is_used_up() -> None:
    output = run_frontdesk("purge", "--budget-seconds", "0.000001").stdout
    assert output.endswith("The time was used up: there may be more.\n")
