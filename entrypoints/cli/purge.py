"""``frontdesk purge``: delete what is older than its retention time."""

import click

from application.clock import utc_now
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import print_json, say


@click.command(
    cls=Command,
    epilog=examples(
        "frontdesk purge", "MESSAGE_RETENTION_DAYS=365 frontdesk purge --budget-seconds 600"
    ),
)
@click.option(
    "--budget-seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after so long."
)
@json_option
def purge(*, budget_seconds: float | None, as_json: bool) -> None:
    """Delete what has been kept for long enough.

    That is what is older than MESSAGE_RETENTION_DAYS, and dead letters of their age.
    Unmatched messages go after 30 days at the latest, temporary files after one. Safe to stop
    at any point, to repeat, and beside a server, which does this once a day.
    """
    with open_container() as container:
        report = container.operations().purge_expired()(utc_now(), budget_seconds=budget_seconds)
    removed = {place: number for place, number in report.removed.items() if number}
    if as_json:
        print_json({"removed": removed, "complete": report.complete})
        return
    for place, number in removed.items():
        say(f"{place.replace('_', ' ')}: {number}", "bold")
    if not removed:
        say("Nothing was old enough.", "bold")
    if not report.complete:
        click.echo("The time was used up: there may be more.")
