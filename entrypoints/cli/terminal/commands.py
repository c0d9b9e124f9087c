"""Click's commands and groups, as this program has them, and the options that they share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from domain.errors import InvalidCursorError, WebhookHandlerError

Function = TypeVar("Function", bound=Callable[..., object])


class Command(click.Command):
    """A command whose usage errors always know which command they are about."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; click leaves out the context where an option lacks its value."""
        if any("\ud800" <= character <= "\udfff" for text in args for character in text):
            ctx.fail("the arguments are not text in this terminal's encoding")
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class Group(click.Group):
    """A group with its commands in the order in which they were added.

    A missing command is a usage error like every other, and not a page of help.
    """

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands' names."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the group's own options. A shell may ask what could come next."""
        if not (args or self.invoke_without_command or ctx.resilient_parsing):
            ctx.fail(f"missing command: {', '.join(self.commands)}")
        return super().parse_args(ctx, args)


json_option = click.option("--json", "as_json", is_flag=True, help="JSON Lines, for a program.")


def limit_option(default: int, name: str = "--limit") -> Callable[[Function], Function]:
    """Add an option to a command that is its parameter ``limit``."""
    return click.option(
        name, "limit", type=click.IntRange(1), default=default, help="At most so many."
    )


after_option = click.option("--after", metavar="CURSOR", help="Go on where another page ended.")


@contextmanager
def bad_parameters(**errors: type[WebhookHandlerError]) -> Iterator[None]:
    """Make a usage error of an option's value that a use case refuses, also of ``--after``."""
    try:
        yield
    except InvalidCursorError as error:
        raise click.BadParameter(str(error), param_hint="'--after'") from error
    except tuple(errors.values()) as error:
        option = next(name for name, kind in errors.items() if isinstance(error, kind))
        raise click.BadParameter(str(error), param_hint=f"'--{option}'") from error


def examples(*lines: str) -> str:
    """The end of a command's help: how to use it."""
    # The backspace is click's mark for a paragraph whose line breaks stay.
    return "\n  ".join(["\b\nExamples:" if len(lines) > 1 else "\b\nExample:", *lines])
