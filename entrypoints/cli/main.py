"""The ``frontdesk`` command: 0 done, 1 refused or failed, 2 usage, each error on one line.

Only an error about several things, like settings, has a line for each.

The module of a command is imported when that command runs: so ``frontdesk --help`` is quick, and
each command pays only for what it needs.
"""

import logging
import os
import signal
import sys
from typing import Any, NoReturn

import click

from domain.errors import WebhookHandlerError
from entrypoints.cli.terminal.commands import examples
from entrypoints.cli.terminal.lazy_commands import LazyCommand, LazyGroup
from entrypoints.cli.terminal.output import one_line

FAILED = 1
USAGE = 2
INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + signal.SIGPIPE


class OneLineErrors(LazyGroup):
    """A group that reports every error it knows on one line of standard error.

    What it does not know is a bug, and keeps its traceback.
    """

    def main(self, *args: Any, **options: Any) -> NoReturn:  # noqa: ANN401 - click's
        """Run, and end the process with the right status."""
        try:
            result = super().main(*args, **{**options, "standalone_mode": False})
        except click.Abort:
            sys.exit(INTERRUPTED)
        except click.UsageError as error:
            _fail(_usage(error), USAGE)
        except click.ClickException as error:
            _fail(f"frontdesk: {error}", FAILED)
        except WebhookHandlerError as error:
            _fail_with(error)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"frontdesk: {where}{error.strerror or type(error).__name__}", FAILED)
        sys.exit(result if isinstance(result, int) else 0)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. A reader that has seen enough (``| head``) ends it without a word."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python would complain at exit about what is still buffered and has no reader.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)
        return result


def _fail(line: str, status: int) -> NoReturn:
    click.echo(one_line(line), err=True)
    sys.exit(status)


def _fail_with(error: WebhookHandlerError) -> NoReturn:
    if len(error.problems) <= 1:
        _fail(f"frontdesk: {error}", FAILED)
    heading = str(error).partition(":")[0]
    click.echo(one_line(f"frontdesk: {heading}:"), err=True)
    for problem in error.problems:
        click.echo(f"  {one_line(problem)}", err=True)
    sys.exit(FAILED)


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "frontdesk"
    message = (
        error.format_message().strip().replace(". Did you mean", ", did you mean").rstrip(".?")
    )
    if message[1:2].islower():  # no name of an argument in capitals
        message = message[:1].lower() + message[1:]
    return f"{command}: {message}; see '{command} --help'"


@click.group(
    name="frontdesk",
    cls=OneLineErrors,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog=examples(
        "frontdesk serve",
        'frontdesk send sms --from +14155550123 --body "Is my order on its way?"',
        "frontdesk queues read sms-replies --include-delayed",
    ),
)
@click.version_option(package_name="frontdesk", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The front door for a company's WhatsApp, SMS and email.

    Settings come from environment variables; without any, data is kept in .frontdesk/ and a
    development secret lets 'frontdesk send' play the providers.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that is not UTF-8 shows a substitute instead of breaking the command.
            stream.reconfigure(errors="backslashreplace")
    # A command says itself what came of it; log lines are the servers' way.
    logging.getLogger().addHandler(logging.NullHandler())
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


cli.load_from(
    {
        name: LazyCommand(f"entrypoints.cli.{module}", module, summary)
        for name, module, summary in (
            ("serve", "serve", "Receive webhooks over HTTP until interrupted."),
            ("demo", "demo", "Open a conversation on each channel to try."),
            ("send", "send", "Play a provider: post a signed webhook."),
            (
                "trace",
                "trace",
                "What became of a message: where it is, since when, and what to do.",
            ),
            ("conversations", "conversations", "Open, list, show and hand off conversations."),
            ("queues", "queues", "What waits on the queues."),
            ("unmatched", "unmatched", "What unknown senders wrote: see it, and deliver it."),
            ("dead-letters", "dead_letters", "What could not be processed."),
            ("tail", "tail", "Follow the webhooks that the server handles, a line each."),
            ("relay", "relay", "Drain the spool, and publish the messages that stayed pending."),
            ("erase", "erase", "Erase what is stored of a sender, for ever."),
            ("purge", "purge", "Delete what has been kept for long enough."),
            ("migrate", "migrate", "Move the histories inside old records to messages."),
            ("tokens", "tokens", "Make access tokens of the API."),
            ("console", "console", "Sign in to the server with a browser."),
            ("doctor", "doctor", "Check all that the settings name."),
        )
    }
)


def main() -> NoReturn:
    """The script ``frontdesk``."""
    cli.main(prog_name="frontdesk")
