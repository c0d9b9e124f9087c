"""``frontdesk dead-letters``: what could not be processed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from application.ports.dead_letters import DeadLetterKind
from application.recovery.redrive_dead_letters import RedrivenDeadLetter, RedriveOutcome
from entrypoints.cli.dead_letter_views import (
    DEAD_LETTERS,
    print_dead_letter,
    redriven_line,
    redriven_record,
    whole_dead_letter_record,
)
from entrypoints.cli.terminal.commands import Group
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    Command,
    count,
    examples,
    json_option,
    limit_option,
    one_line,
    plain,
    print_json,
    print_rich,
)
from entrypoints.cli.terminal.progress import progress

if TYPE_CHECKING:
    from application.ports.dead_letters import DeadLetter, DeadLetters

_kind_option = click.option(
    "--kind", type=click.Choice([kind.value for kind in DeadLetterKind]), help="Only this kind."
)


def _chosen_options(command: Command) -> Command:
    """Add ``ID…``, ``--all`` and ``--kind``: the letters that a command is about."""
    ids = click.argument("dead_letter_ids", metavar="[ID]...", nargs=-1)
    everything = click.option("--all", "everything", is_flag=True, help="Instead of ids.")
    return ids(everything(_kind_option(command)))


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

    What cannot be read among them is told on standard error.
    """
    unreadable: list[str] = []
    with open_container() as container:
        dead_letters = list(islice(_all(container.dead_letters(), kind, unreadable.append), limit))
    DEAD_LETTERS.print(dead_letters, limit, as_json=as_json)
    _warn(unreadable)


@dead_letters.command(
    short_help="Show one with its request.",
    epilog=examples("frontdesk dead-letters show unreadable-0d1f5c7a9b3e2846"),
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
            raise click.ClickException(_unknown([dead_letter_id]))
        if as_json:
            print_json(whole_dead_letter_record(dead_letter))
        else:
            print_dead_letter(dead_letter, container.parsers())


@dead_letters.command(
    short_help="Try again what could not be processed.",
    epilog=examples(
        "frontdesk dead-letters redrive unreadable-0d1f5c7a9b3e2846",
        "frontdesk dead-letters redrive --all --kind bug",
    ),
)
@_chosen_options
@json_option
def redrive(
    *, dead_letter_ids: tuple[str, ...], everything: bool, kind: str | None, as_json: bool
) -> None:
    """Process dead letters with today's code and settings; those that succeed are deleted.

    An undeliverable message becomes pending, and the relay publishes it. Redriven
    unauthenticated mail goes to a human. Safe to stop at any point, to run
    again, and twice at once. With --json: a line per letter. Exit code 1 if any stays.
    """
    _check_choice(dead_letter_ids, everything=everything, kind=kind)
    stay: list[DeadLetter] = []
    unknown: list[str] = []
    unreadable: list[str] = []
    done = 0
    with open_container() as container, progress("redriving", quiet=True) as advance:
        dead_letters = container.dead_letters()
        chosen = (
            _all(dead_letters, kind, unreadable.append)
            if everything
            else _named(dead_letters, dead_letter_ids, unknown.append)
        )
        redrive_dead_letter = container.redrive_dead_letters()
        for done, dead_letter in enumerate(chosen, start=1):
            redriven = redrive_dead_letter(dead_letter)
            _tell(redriven, as_json=as_json)
            if redriven.outcome is RedriveOutcome.FAILED:
                stay.append(redriven.dead_letter)
            advance(done)
    if not as_json and not unknown:
        print_rich(plain(_summary(done - len(stay), len(stay)), "bold"))
    _fail(stay, unknown, unreadable)


@dead_letters.command(
    short_help="Delete dead letters for ever.",
    epilog=examples(
        "frontdesk dead-letters delete unreadable-0d1f5c7a9b3e2846",
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
    _check_choice(dead_letter_ids, everything=everything, kind=kind)
    if everything and kind is None:
        raise click.UsageError("'--all' needs a '--kind': not everything at once")
    unreadable: list[str] = []
    with open_container() as container:
        dead_letters = container.dead_letters()
        chosen = (
            [
                dead_letter.dead_letter_id
                for dead_letter in _all(dead_letters, kind, unreadable.append)
            ]
            if everything
            else dead_letter_ids
        )
        if chosen and not yes:
            _confirm(len(chosen))
        gone = [dead_letter_id for dead_letter_id in chosen if dead_letters.delete(dead_letter_id)]
    click.echo(f"{count(len(gone), 'dead letter')} deleted.")
    _warn(unreadable)
    if not everything:
        _fail(
            (), [dead_letter_id for dead_letter_id in dead_letter_ids if dead_letter_id not in gone]
        )


def _all(
    dead_letters: "DeadLetters", kind: str | None, unreadable: Callable[[str], None]
) -> Iterator["DeadLetter"]:
    """Every letter, or every one of a kind."""
    every = dead_letters.each_dead_letter(unreadable=unreadable)
    return (dead_letter for dead_letter in every if kind in (None, dead_letter.kind))


def _named(
    dead_letters: "DeadLetters", dead_letter_ids: Iterable[str], unknown: Callable[[str], None]
) -> Iterator["DeadLetter"]:
    """The letters with these ids; ids that are nobody's are told to ``unknown``."""
    for dead_letter_id in dict.fromkeys(dead_letter_ids):
        dead_letter = dead_letters.get(dead_letter_id)
        if dead_letter is None:
            unknown(dead_letter_id)
        else:
            yield dead_letter


def _check_choice(dead_letter_ids: Sequence[str], *, everything: bool, kind: str | None) -> None:
    if bool(dead_letter_ids) == everything:
        raise click.UsageError("either ids of dead letters or '--all'")
    if kind and not everything:
        raise click.UsageError("'--kind' goes with '--all'")


def _confirm(number: int) -> None:
    try:
        agreed = click.confirm(f"Delete {count(number, 'dead letter')} for ever?", err=True)
    except click.Abort:  # nobody is there to be asked
        agreed = False
    if not agreed:
        raise click.ClickException("nothing was deleted: '--yes' deletes without asking")


def _tell(redriven: RedrivenDeadLetter, *, as_json: bool) -> None:
    if as_json:
        print_json(redriven_record(redriven))
    else:
        click.echo(redriven_line(redriven))


def _summary(redriven: int, stay: int) -> str:
    if not redriven + stay:
        return "There is nothing to redrive."
    left = f", {stay} still there" if stay else ""
    return f"{count(redriven, 'dead letter')} redriven{left}."


def _fail(
    stay: Sequence["DeadLetter"], unknown: Sequence[str], unreadable: Collection[str] = ()
) -> None:
    """End with exit code 1 if anything could not be done."""
    problems = []
    if stay:
        first = stay[0]
        failed = f"{count(len(stay), 'dead letter')} failed again"
        problems.append(f"{failed}, first {first.dead_letter_id}: {first.reason}")
    if unknown:
        problems.append(_unknown(unknown))
    if unreadable:
        problems.append(_broken(unreadable))
    if problems:
        raise click.ClickException("; ".join(problems))


def _warn(unreadable: Collection[str]) -> None:
    if unreadable:
        click.echo(f"frontdesk: {one_line(_broken(unreadable))}", err=True)


def _broken(unreadable: Collection[str]) -> str:
    return (
        f"{count(len(unreadable), 'dead letter')} cannot be read: {', '.join(sorted(unreadable))}"
    )


def _unknown(dead_letter_ids: Sequence[str]) -> str:
    return f"there is no dead letter {', '.join(dead_letter_ids)}"
