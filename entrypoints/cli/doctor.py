"""``frontdesk doctor``: is everything that the settings name as it should be?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from entrypoints.cli.commands import Command
from entrypoints.cli.opened import opened_container
from entrypoints.cli.output import count, examples, json_option, plain, print_json, print_rich

if TYPE_CHECKING:
    from entrypoints.findings import Finding

_STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@click.command(
    cls=Command,
    short_help="Check all that the settings name.",
    epilog=examples("frontdesk doctor", "frontdesk doctor --json"),
)
@json_option
def doctor(*, as_json: bool) -> None:
    """Check settings, secrets, tables, queues, the bucket and the data directory.

    A line for each thing that was looked at: 'ok', 'note' for what may be meant so, or
    'wrong' with what was expected. If nothing is wrong, also how much was left behind: in the
    spool, on no queue, as dead letters. What is tried again by itself is a 'note' that says
    when, what cannot be read is 'wrong'. No data is changed. Exits with 1 if anything is wrong.
    """
    wrong = 0
    for finding in _findings():
        wrong += finding.verdict == "wrong"
        if as_json:
            print_json({"check": finding.check, "verdict": finding.verdict, "text": finding.text})
        else:
            _print_line(finding)
    if wrong:
        raise click.ClickException(f"{count(wrong, 'problem')} found")


def _print_line(finding: "Finding") -> None:
    from rich.text import Text

    verdict = plain(f"{finding.verdict:<6}", _STYLES[finding.verdict])
    print_rich(Text.assemble(verdict, plain(f"{finding.check:<16}"), plain(finding.text)))


def _findings() -> "Iterator[Finding]":
    from entrypoints.checks import examine
    from entrypoints.findings import Finding, Verdict
    from infrastructure.settings import SettingsError

    try:
        with opened_container() as container:
            settings = container.settings()
            backends = f"storage {settings.storage}, queues {settings.queue}"
            yield Finding("settings", Verdict.OK, backends)
            yield from examine(container)
    except SettingsError as error:
        yield from (Finding("settings", Verdict.WRONG, problem) for problem in error.problems)
