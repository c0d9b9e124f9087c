"""``frontdesk dead-letters``: what could not be processed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

import click

from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.recovery.redrive_dead_letters import RedriveOutcome
from entrypoints.cli.dead_letter_views import (
    DEAD_LETTERS,
    print_dead_letter,
    redriven_line,
    redriven_record,
    whole_dead_letter_record,
)
from entrypoints.cli.terminal.commands import Group, examples, json_option, limit_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import count, one_line, print_json, say
from entrypoints.cli.terminal.progress import progress

ID = "unreadable-0d1f5c7a9b3e2846"

_kind_option = click.option(
    "--kind", type=click.Choice([kind.value for kind in DeadLetterKind]), help="Only this kind."
)


@click.group(name="dead-letters", cls=Group, short_help="What could not be processed.")
def dead_letters() -> None:
    """See what was authentic and could not be processed, and try it again."""


@dead_letters.command(
    name="list",
    epilog=examples("frontdesk dead-letters list", "frontdesk dead-letters list --kind bug"),
)
@_kind_option
@limit_option(100)
@json_option
def list_command(*, kind: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first.

    Those that cannot be read are named on standard error.
    """
    unreadable: list[str] = []
    with open_container() as container:
        found = list(islice(_each(container.dead_letters(), kind, unreadable), limit))
    DEAD_LETTERS.print(found, as_json=as_json, limit=limit)
    if unreadable:
        click.echo(one_line(f"frontdesk: {_cannot_be_read(unreadable)}"), err=True)


@dead_letters.command(epilog=examples(f"frontdesk dead-letters show {ID}"))
@click.argument("dead_letter_id", metavar="ID")
@json_option
def show(*, dead_letter_id: str, as_json: bool) -> None:
    """Show one, its request, and how that reads today.

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
    epilog=examples(
        f"frontdesk dead-letters redrive {ID}", "frontdesk dead-letters redrive --all --kind bug"
    ),
)
@click.argument("dead_letter_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Instead of ids.")
@_kind_option
@json_option
def redrive(
    *, dead_letter_ids: tuple[str, ...], everything: bool, kind: str | None, as_json: bool
) -> None:
    """Try again what could not be processed.

    With today's code and settings; what succeeds is deleted. An undeliverable message becomes
    pending, and the relay publishes it. Redriven unauthenticated or automated mail goes to a
    human. Safe to stop at any point, to run again, and twice at once. With --json: a line per
    dead letter. Exit code 1 if any stays.
    """
    if bool(dead_letter_ids) == everything:
        raise click.UsageError("either ids of dead letters or '--all'")
    if kind and not everything:
        raise click.UsageError("'--kind' goes with '--all'")
    failed: list[DeadLetter] = []
    unknown: list[str] = []
    unreadable: list[str] = []
    done = 0
    with open_container() as container, progress("redriving") as advance:
        store = container.dead_letters()
        chosen = (
            _each(store, kind, unreadable)
            if everything
            else _named(store, dead_letter_ids, unknown)
        )
        redrive_dead_letter = container.redrive_dead_letters()
        for done, dead_letter in enumerate(chosen, start=1):
            redriven = redrive_dead_letter(dead_letter)
            if as_json:
                print_json(redriven_record(redriven))
            else:
                say(redriven_line(redriven))
            if redriven.outcome is RedriveOutcome.FAILED:
                failed.append(redriven.dead_letter)
            advance(done)
    if not as_json and not unknown:
        say(_summary(done - len(failed), len(failed)), "bold")
    if problems := list(_problems(failed, unknown, unreadable)):
        raise click.ClickException("; ".join(problems))


def _each(store: DeadLetters, kind: str | None, unreadable: list[str]) -> Iterator[DeadLetter]:
    """Every dead letter, or every one of a kind; adds to ``unreadable`` what cannot be read."""
    every = store.each_dead_letter(unreadable=unreadable.append)
    return (dead_letter for dead_letter in every if kind in (None, dead_letter.kind))


def _named(
    store: DeadLetters, dead_letter_ids: Iterable[str], unknown: list[str]
) -> Iterator[DeadLetter]:
    """The dead letters with these ids; adds to ``unknown`` the ids that none has."""
    for dead_letter_id in dict.fromkeys(dead_letter_ids):
        dead_letter = store.get(dead_letter_id)
        if dead_letter is None:
            unknown.append(dead_letter_id)
        else:
            yield dead_letter


def _summary(redriven: int, failed: int) -> str:
    if not redriven + failed:
        return "There is nothing to redrive."
    left = f", {failed} still there" if failed else ""
    return f"{count(redriven, 'dead letter')} redriven{left}."


def _problems(
    failed: Sequence[DeadLetter], unknown: Sequence[str], unreadable: Collection[str]
) -> Iterator[str]:
    if failed:
        first = f"first {failed[0].dead_letter_id}: {failed[0].reason}"
        yield f"{count(len(failed), 'dead letter')} failed again, {first}"
    if unknown:
        yield _unknown(*unknown)
    if unreadable:
        yield _cannot_be_read(unreadable)


def _cannot_be_read(places: Collection[str]) -> str:
    return f"{count(len(places), 'dead letter')} cannot be read: {', '.join(sorted(places))}"


def _unknown(*dead_letter_ids: str) -> str:
    return f"there is no dead letter {', '.join(dead_letter_ids)}"


@dead_letters.command(epilog=examples(f"frontdesk dead-letters delete {ID}"))
@click.argument("dead_letter_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(*, dead_letter_ids: tuple[str, ...], yes: bool) -> None:
    """Delete dead letters with their requests, for ever.

    An undeliverable message stays in the history of its conversation, and is never published.
    """
    ids = tuple(dict.fromkeys(dead_letter_ids))
    with open_container() as container:
        if not yes:
            _confirm(len(ids))
        missing = [one for one in ids if not container.dead_letters().delete(one)]
    click.echo(f"{count(len(ids) - len(missing), 'dead letter')} deleted.")
    if missing:
        raise click.ClickException(_unknown(*missing))


def _confirm(number: int) -> None:
    try:
        agreed = click.confirm(f"Delete {count(number, 'dead letter')} for ever?", err=True)
    except click.Abort:  # there is no terminal to ask on
        agreed = False
    if not agreed:
        raise click.ClickException("nothing was deleted: '--yes' deletes without asking")
