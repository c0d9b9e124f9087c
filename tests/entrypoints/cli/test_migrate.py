"""``frontdesk migrate``."""

import pytest

from entrypoints.composition.container import Container
from tests.builders import KEY, a_conversation
from tests.contracts.legacy_histories import an_entry, each_with_legacy_messages
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk


def given_old_record(container: Container, number: int = 1) -> None:
    """A record of an older system with two messages in it."""
    entries = (an_entry(1), an_entry(2))
    container.conversation_store().open_conversation(
        a_conversation(conversation_id=f"conversation-{number}", legacy_messages=entries)
    )


@pytest.mark.usefixtures("empty_database")
def test_migrate_without_old_records_reports_nothing_to_move() -> None:
    output = run_frontdesk("migrate").stdout
    assert output == "No record has a list of messages inside: there is nothing to move.\n"
    assert run_frontdesk("migrate", "--json").stdout == ""


def test_migrate_moves_and_counts_the_messages_of_old_records(container: Container) -> None:
    given_old_record(container, 1)
    given_old_record(container, 2)
    assert run_frontdesk("migrate").stdout == "4 messages imported, 2 records moved completely.\n"
    assert container.message_store().history(KEY) == (an_entry(1), an_entry(2))
    assert list(each_with_legacy_messages(container.stores())) == []


def test_migrate_prints_a_json_line_per_record(container: Container) -> None:
    given_old_record(container)
    assert json_lines(run_frontdesk("migrate", "--json")) == [
        {
            "conversation_id": "conversation-1",
            "primary_channel": "sms",
            "imported": 2,
            "complete": True,
        }
    ]


def test_history_is_shown_unchanged_after_a_migration(container: Container) -> None:
    given_old_record(container)
    before = run_frontdesk("conversations", "show", "conversation-1").stdout
    run_frontdesk("migrate")
    assert run_frontdesk("conversations", "show", "conversation-1").stdout == before


def test_migrate_fails_when_another_system_still_writes_to_a_record(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_old_record(container)
    history_import = type(container.stores().history_import)
    monkeypatch.setattr(history_import, "delete_legacy_messages", lambda *_: False)
    line = error_line(run_frontdesk("migrate"), 1)
    assert line == (
        "frontdesk: another system kept writing to 1 record, first conversation-1: "
        "run it again, best after that system has stopped"
    )
