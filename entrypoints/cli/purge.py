"""``frontdesk purge``: delete what is older than its retention time."""

import click

from application.clock import utc_now
from entrypoints.cli.terminal.commands import Command
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    examples,
    json_option,
    plain,
    print_json,
    print_rich,
)


@click.command(
    cls=Command,
    short_help="Delete what is older than its retention time.",
    epilog=examples(
        "frontdesk purge", "MESSAGE_RETENTION_DAYS=365 frontdesk purge --budget-seconds 600"
    ),
)
@click.option(
    "--budget-seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after so long."
)
@json_option
def purge(*, budget_seconds: float | None, as_json: bool) -> None:
    """Erase what is older than MESSAGE_RETENTION_DAYS, and dead letters of their age.

    Unmatched messages go after 30 days at the latest, temporary files after one. Safe to stop
    at any point, to repeat, and beside a server, which does this once a day.
    """
    with open_container() as container:
        report = container.purge()(utc_now(), budget_seconds=budget_seconds)
    removed = {place: number for place, number in report.removed.items() if number}
    if as_json:
        print_json({"removed": removed, "complete": report.complete})
        return
    parts = [f"{place.replace('_', ' ')}: {number}" for place, number in removed.items()]
    print_rich(plain("\n".join(parts) or "Nothing was old enough.", "bold"))
    if not report.complete:
        click.echo("The time was used up: there may be more.")
