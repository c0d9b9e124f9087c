"""``frontdesk migrate``: histories inside records become messages."""

import click

from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import attributes, count, print_json, progress, say


@click.command(cls=Command, epilog=examples("frontdesk migrate", "frontdesk migrate --json"))
@json_option
def migrate(*, as_json: bool) -> None:
    """Move the histories inside old records to messages.

    Older systems keep a list of messages inside their records. Each entry becomes a message of
    the history; then the list is emptied, if it is still the same. Safe to stop at any point, to
    run again, and while messages come in. With --json: a line per record that had such a list.
    """
    records = imported = 0
    incomplete: list[str] = []
    with open_container() as container, progress("records") as advance:
        for migrated in container.operations().migrate_history()():
            records, imported = records + 1, imported + migrated.imported
            advance(records)
            if not migrated.complete:
                incomplete.append(migrated.key.conversation_id)
            if as_json:
                key = attributes(migrated.key, "conversation_id", "primary_channel")
                print_json({**key, **attributes(migrated, "imported", "complete")})
    if not as_json and records:
        moved = count(records - len(incomplete), "record")
        say(f"{count(imported, 'message')} imported, {moved} moved completely.", "bold")
    elif not as_json:
        say("No record has a list of messages inside: there is nothing to move.", "bold")
    if incomplete:
        raise click.ClickException(
            f"another system kept writing to {count(len(incomplete), 'record')}, "
            f"first {incomplete[0]}: run it again, best after that system has stopped"
        )
