"""``frontdesk migrate``: histories inside records become messages."""

from typing import TYPE_CHECKING

import click

from entrypoints.cli.terminal.commands import Command
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    count,
    examples,
    json_option,
    plain,
    print_json,
    print_rich,
)
from entrypoints.cli.terminal.progress import progress

if TYPE_CHECKING:
    from application.conversations.migrate_history import MigratedHistory


@click.command(
    cls=Command,
    short_help="Move the histories inside old records to messages.",
    epilog=examples("frontdesk migrate", "frontdesk migrate --json"),
)
@json_option
def migrate(*, as_json: bool) -> None:
    """Move the list of messages that an older system keeps inside its records.

    Each entry becomes a message of the history; then the list is emptied, if it is still the
    same. Safe to stop at any point, to run again, and while messages come in. With --json: a
    line per record that had such a list.
    """
    records = imported = 0
    stale_temporary_files: list[str] = []
    with open_container() as container, progress("records", quiet=as_json) as advance:
        for migrated in container.migrate_history()():
            records, imported = records + 1, imported + migrated.imported
            advance(records)
            if not migrated.complete:
                stale_temporary_files.append(migrated.key.conversation_id)
            if as_json:
                print_json(_migrated_record(migrated))
    if not as_json:
        print_rich(plain(_summary(records - len(stale_temporary_files), imported), "bold"))
    if stale_temporary_files:
        raise click.ClickException(
            f"another system kept writing to {count(len(stale_temporary_files), 'record')}, "
            f"first {stale_temporary_files[0]}: run it again, best after that system has stopped"
        )


def _migrated_record(migrated: "MigratedHistory") -> dict[str, object]:
    return {
        "conversation_id": migrated.key.conversation_id,
        "primary_channel": migrated.key.primary_channel.value,
        "imported": migrated.imported,
        "complete": migrated.complete,
    }


def _summary(moved: int, imported: int) -> str:
    if not moved + imported:
        return "No record has a list of messages inside: there is nothing to move."
    return f"{count(imported, 'message')} imported, {count(moved, 'record')} moved completely."
