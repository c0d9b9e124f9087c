"""What ``frontdesk trace`` says where no message is known, and what may have been refused."""

import re
from typing import TYPE_CHECKING

import click

from application.tracing.nothing_known import likely_refusal
from application.tracing.results import Trace
from entrypoints.cli.terminal.output import NO_BREAK, fold, printable, rich_console, say

if TYPE_CHECKING:
    from infrastructure.configuration.settings import Settings

_COMMAND = re.compile("'frontdesk [^']*'")


def print_statement(found: Trace) -> None:
    """Cause and remedy of ``found``, or where it is; the commands; then the background."""
    cause, remedy = found.statement.cause, found.statement.remedy
    say(_wrapped(f"Cause: {cause}" if remedy else cause), "bold", lines=True)
    if remedy:
        say(_wrapped(f"Do: {remedy}"), "bold", lines=True)
    for command in found.commands:
        # As it is: a command that is broken at the terminal's edge cannot be copied.
        click.echo(f"  {printable(command)}")
    if background := " ".join(filter(None, (found.statement.more, found.statement.how))):
        say(_wrapped(background), "dim", lines=True)


def print_nothing_known(found: Trace, settings: "Settings") -> None:
    """The statement on ``found``, then each other refusal that may be the reason."""
    from entrypoints.operations.refusal_checks import refusal_line

    print_statement(found)
    for one in found.refusals:
        # What a diagnosis says stands in the statement already.
        if not (one.diagnosis and one is likely_refusal(found.refusals)):
            say(f"\n{_wrapped(f'Refused: {refusal_line(one, settings)}.')}", lines=True)
    for note in found.notes:
        say(_wrapped(f"Note: {note}."), "dim", lines=True)


def _wrapped(text: str) -> str:
    """``text`` on lines of the terminal's width. No command is broken: it is for copying."""
    whole = _COMMAND.sub(lambda match: match[0].replace(" ", NO_BREAK), text)
    return fold(whole, rich_console().width)
