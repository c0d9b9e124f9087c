"""What ``frontdesk trace`` says where no message is known, and what may have been refused."""

import re
from typing import TYPE_CHECKING

import click

from application.tracing.results import Trace
from entrypoints.cli.terminal.output import NO_BREAK, fold, rich_console, say

if TYPE_CHECKING:
    from infrastructure.configuration.settings import Settings

_COMMAND = re.compile("'frontdesk [^']*'")


def print_nothing_known(found: Trace, settings: "Settings") -> None:
    """The sentence of ``found``, then each refusal that may be the reason, with what to do."""
    from entrypoints.operations.refusal_checks import refusal_line

    say(_wrapped(found.sentence), "bold", lines=True)
    for command in found.commands:
        click.echo(f"  {command}")
    for one in found.refusals:
        say(f"\n{_wrapped(f'Refused: {refusal_line(one, settings)}.')}", lines=True)
    for note in found.notes:
        say(_wrapped(f"Note: {note}."), "dim", lines=True)


def _wrapped(text: str) -> str:
    """``text`` on lines of the terminal's width. No command is broken: it is for copying."""
    whole = _COMMAND.sub(lambda match: match[0].replace(" ", NO_BREAK), text)
    return fold(whole, rich_console().width)
