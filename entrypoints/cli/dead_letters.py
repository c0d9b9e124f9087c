"""``frontdesk dead-letters``: what could not be processed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import click

from application.ports.dead_letters import DeadLetterKind
from application.recovery.redrive_dead_letters import RedriveOutcome
from entrypoints.cli.dead_letter_views import (
    DEAD_LETTERS,
    print_dead_letter,
    redriven_line,
    redriven_record,
    whole_dead_letter_record,
)
from entrypoints.cli.terminal.commands import (
    Function,
    Group,
    examples,
    json_option,
    limit_option,
)
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import count, one_line, print_json, say
from entrypoints.cli.terminal.progress import progress

if TYPE_CHECKING:
    from application.ports.dead_letters import DeadLetter, DeadLetters

ID = "unreadable-0d1f5c7a9b3e2846"

_kind_option = click.option(
    "--kind", type=click.Choice([kind.value for kind in DeadLetterKind]), help="Only this kind."
)


def _chosen_options(command: Function) -> Function:
    """Add ``ID…``, ``--all`` and ``--kind``: the dead letters that a command is about."""
    ids = click.argument("dead_letter_ids", metavar="[ID]...", nargs=-1)
    everything = click.option("--all", "everything", is_flag=True, help="Instead of ids.")
    return ids(everything(_kind_option(command)))


@dataclass(frozen=True)
class Choice:
    """The dead letters that a command is about, and what was wrong on the way to them."""

    dead_letter_ids: Sequence[str]
    kind: str | None
    unknown: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, dead_letter_ids: Sequence[str], kind: str | None, *, everything: bool) -> "Choice":
        """The choice that the options make; one that is unclear is a usage error."""
        if bool(dead_letter_ids) == everything:
            raise click.UsageError("either ids of dead letters or '--all'")
        if kind and not everything:
            raise click.UsageError("'--kind' goes with '--all'")
        return cls(tuple(dict.fromkeys(dead_letter_ids)), kind)

    def read(self, dead_letters: "DeadLetters") -> Iterator["DeadLetter"]:
        """Those with the ids, or all of the kind, or all."""
        for dead_letter_id in self.dead_letter_ids:
            dead_letter = dead_letters.get(dead_letter_id)
            if dead_letter is None:
                self.unknown.append(dead_letter_id)
            else:
                yield dead_letter
        if not self.dead_letter_ids:
            every = dead_letters.each_dead_letter(unreadable=self.unreadable.append)
            yield from (one for one in every if self.kind in (None, one.kind))

    def ids(self, dead_letters: "DeadLetters") -> Sequence[str]:
        """Their ids; by its id also what cannot be read may be deleted."""
        return self.dead_letter_ids or [one.dead_letter_id for one in self.read(dead_letters)]

    def problems(self) -> Iterator[str]:
        """What was unknown and what could not be read."""
        if self.unknown:
            yield _unknown(*self.unknown)
        if self.unreadable:
            places = ", ".join(sorted(self.unreadable))
            yield f"{count(len(self.unreadable), 'dead letter')} cannot be read: {places}"

    def warn_of_unreadable(self) -> None:
        """Name on standard error what could not be read."""
        if self.unreadable:
            click.echo(one_line(f"frontdesk: {'; '.join(self.problems())}"), err=True)


def _unknown(*dead_letter_ids: str) -> str:
    return f"there is no dead letter {', '.join(dead_letter_ids)}"


@click.group(name="dead-letters", cls=Group, short_help="What could not be processed.")
def dead_letters() -> None:
    """See what was authentic and could not be processed, and try it again."""


@dead_letters.command(
    name="list",
    short_help="List dead letters, oldest first.",
    epilog=examples("frontdesk dead-letters list", "frontdesk dead-letters list --kind bug"),
)
@_kind_option
@limit_option(100)
@json_option
def list_command(*, kind: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first: what kind each is, and why.

    Those that cannot be read are named on standard error.
    """
    choice = Choice((), kind)
    with open_container() as container:
        found = list(islice(choice.read(container.dead_letters()), limit))
    DEAD_LETTERS.print(found, as_json=as_json, limit=limit)
    choice.warn_of_unreadable()


@dead_letters.command(
    short_help="Show one with its request.", epilog=examples(f"frontdesk dead-letters show {ID}")
)
@click.argument("dead_letter_id", metavar="ID")
@json_option
def show(*, dead_letter_id: str, as_json: bool) -> None:
    """Show a dead letter, its request, and how that would be read today.

    With --json: the request complete, its body as body_base64.
    """
    with open_container() as container:
        dead_letter = container.dead_letters().get(dead_letter_id)
        if dead_letter is None:
            raise click.ClickException(_unknown(dead_letter_id))
        if as_json:
            print_json(whole_dead_letter_record(dead_letter))
        else:
            print_dead_letter(dead_letter, container.parsers())


@dead_letters.command(
    short_help="Try again what could not be processed.",
    epilog=examples(
        f"frontdesk dead-letters redrive {ID}", "frontdesk dead-letters redrive --all --kind bug"
    ),
)
@_chosen_options
@json_option
def redrive(
    *, dead_letter_ids: tuple[str, ...], everything: bool, kind: str | None, as_json: bool
) -> None:
    """Process dead letters with today's code and settings; those that succeed are deleted.

    An undeliverable message becomes pending, and the relay publishes it. Who redrives
    unauthenticated mail vouches for it: a human gets it. Safe to stop at any point, to run
    again, and twice at once. With --json: a line per dead letter. Exit code 1 if any stays.
    """
    choice = Choice.of(dead_letter_ids, kind, everything=everything)
    failed: list[DeadLetter] = []
    done = 0
    with open_container() as container, progress("redriving") as advance:
        redrive_dead_letter = container.redrive_dead_letters()
        for done, dead_letter in enumerate(choice.read(container.dead_letters()), start=1):
            redriven = redrive_dead_letter(dead_letter)
            if as_json:
                print_json(redriven_record(redriven))
            else:
                say(redriven_line(redriven))
            if redriven.outcome is RedriveOutcome.FAILED:
                failed.append(redriven.dead_letter)
            advance(done)
    if not as_json and not choice.unknown:
        say(_summary(done - len(failed), len(failed)), "bold")
    problems = list(choice.problems())
    if failed:
        again = f"{count(len(failed), 'dead letter')} failed again"
        problems.insert(0, f"{again}, first {failed[0].dead_letter_id}: {failed[0].reason}")
    if problems:
        raise click.ClickException("; ".join(problems))


def _summary(redriven: int, failed: int) -> str:
    if not redriven + failed:
        return "There is nothing to redrive."
    left = f", {failed} still there" if failed else ""
    return f"{count(redriven, 'dead letter')} redriven{left}."


@dead_letters.command(
    short_help="Delete dead letters for ever.",
    epilog=examples(
        f"frontdesk dead-letters delete {ID}",
        "frontdesk dead-letters delete --all --kind unreadable --yes",
    ),
)
@_chosen_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(
    *, dead_letter_ids: tuple[str, ...], everything: bool, kind: str | None, yes: bool
) -> None:
    """Delete dead letters with their requests, for ever. --all needs a --kind.

    An undeliverable message stays in the history of its conversation, and is never published.
    """
    choice = Choice.of(dead_letter_ids, kind, everything=everything)
    if everything and kind is None:
        raise click.UsageError("'--all' needs a '--kind': not everything at once")
    with open_container() as container:
        dead_letters = container.dead_letters()
        ids = choice.ids(dead_letters)
        if ids and not yes:
            _confirm(len(ids))
        missing = [one for one in ids if not dead_letters.delete(one)]
    click.echo(f"{count(len(ids) - len(missing), 'dead letter')} deleted.")
    choice.warn_of_unreadable()
    if missing and not everything:
        raise click.ClickException(_unknown(*missing))


def _confirm(number: int) -> None:
    try:
        agreed = click.confirm(f"Delete {count(number, 'dead letter')} for ever?", err=True)
    except click.Abort:  # nobody is there to be asked
        agreed = False
    if not agreed:
        raise click.ClickException("nothing was deleted: '--yes' deletes without asking")
