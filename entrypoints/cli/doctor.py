"""``frontdesk doctor``: is everything that the settings name as it should be?"""

from collections.abc import Iterator
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

if TYPE_CHECKING:
    from application.ports.checks import CheckResult

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


@click.command(
    cls=Command,
    short_help="Check all that the settings name.",
    epilog=examples("frontdesk doctor", "frontdesk doctor --json"),
)
@json_option
def doctor(*, as_json: bool) -> None:
    """Check settings, secrets, tables, queues, the bucket and the data directory.

    A line for each check: 'ok', 'warning' for what may be intended, or 'error' with what was
    expected. Without an error, also the backlog: the spool, what is on no queue, dead letters.
    What is tried again by itself is a 'warning' that says when. What cannot be read is an
    'error'. No data is changed. Exits with 1 after an error.
    """
    errors = 0
    for result in _check_results():
        errors += result.status == "error"
        if as_json:
            print_json({"check": result.check, "status": result.status, "text": result.text})
        else:
            _print_line(result)
    if errors:
        raise click.ClickException(f"{count(errors, 'problem')} found")


def _print_line(result: "CheckResult") -> None:
    from rich.text import Text

    status = plain(f"{result.status:<8}", _STYLES[result.status])
    print_rich(Text.assemble(status, plain(f"{result.check:<16}"), plain(result.text)))


def _check_results() -> "Iterator[CheckResult]":
    from application.ports.checks import CheckResult, CheckStatus
    from entrypoints.operations.checks import run_checks
    from infrastructure.configuration.settings import SettingsError

    try:
        with open_container() as container:
            settings = container.settings()
            backends = f"storage {settings.storage}, queues {settings.queue}"
            yield CheckResult("settings", CheckStatus.OK, backends)
            yield from run_checks(container)
    except SettingsError as error:
        yield from (
            CheckResult("settings", CheckStatus.ERROR, problem) for problem in error.problems
        )
