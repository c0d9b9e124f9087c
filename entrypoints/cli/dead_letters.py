"""``frontdesk dead-letters``: what could not be processed."""

from collections.abc import Iterator

import click

from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.recovery.redrive_dead_letters import RedriveOutcome
from entrypoints.cli import dead_letter_views as views
from entrypoints.cli.terminal.commands import (
    Group,
    after_option,
    bad_parameters,
    examples,
    json_option,
    limit_option,
)
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import count, one_line, print_json, progress, say

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
@after_option
@json_option
def list_command(*, kind: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List dead letters, oldest first.

    One page: it looks at 1,000 dead letters at most, and says how to go on. Those that cannot be
    read are named on standard error.
    """
    unreadable: list[str] = []
    wanted = DeadLetterKind(kind) if kind else None
    with open_container() as container, bad_parameters():
        page = container.operations().list_dead_letters()(
            limit, kind=wanted, after=after, unreadable=unreadable.append
        )
    views.DEAD_LETTERS.print_page(page, limit, as_json=as_json)
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
            print_json(views.whole_record(dead_letter))
        else:
            views.print_dead_letter(dead_letter, container.parsers())


@dead_letters.command(
    epilog=examples(
        f"frontdesk dead-letters redrive {ID}", "frontdesk dead-letters redrive --all --kind bug"
    )
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
    failed: list[str] = []
    unknown: list[str] = []
    unreadable: list[str] = []
    done = 0
    with open_container() as container, progress("redriving") as advance:
        chosen = _named(container.dead_letters(), dead_letter_ids, unknown)
        if everything:
            chosen = _each(container.dead_letters(), kind, unreadable)
        for done, redriven in enumerate(
            map(container.operations().redrive_dead_letters(), chosen), start=1
        ):
            if as_json:
                print_json(views.redriven_record(redriven))
            else:
                say(views.redriven_line(redriven))
            if redriven.outcome is RedriveOutcome.FAILED:
                failed.append(
                    f"{redriven.dead_letter.dead_letter_id}: {redriven.dead_letter.reason}"
                )
            advance(done)
    if not as_json and not unknown:
        left = f", {len(failed)} still there" if failed else ""
        redriven_now = f"{count(done - len(failed), 'dead letter')} redriven{left}."
        say(redriven_now if done else "There is nothing to redrive.", "bold")
    problems = []
    if failed:
        again = f"{count(len(failed), 'dead letter')} failed again"
        problems.append(f"{again}, first {failed[0]}")
    if unknown:
        problems.append(_unknown(*unknown))
    if unreadable:
        problems.append(_cannot_be_read(unreadable))
    if problems:
        raise click.ClickException("; ".join(problems))


def _each(store: DeadLetters, kind: str | None, unreadable: list[str]) -> Iterator[DeadLetter]:
    """Every dead letter, or every one of a kind; adds to ``unreadable`` what cannot be read."""
    every = store.each_dead_letter(unreadable=unreadable.append)
    return (dead_letter for dead_letter in every if kind in (None, dead_letter.kind))


def _named(store: DeadLetters, ids: tuple[str, ...], unknown: list[str]) -> Iterator[DeadLetter]:
    """The dead letters with these ids; adds to ``unknown`` the ids that none has."""
    for dead_letter_id in dict.fromkeys(ids):
        if dead_letter := store.get(dead_letter_id):
            yield dead_letter
        else:
            unknown.append(dead_letter_id)


def _cannot_be_read(places: list[str]) -> str:
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
    if not (yes or _confirmed(f"Delete {count(len(ids), 'dead letter')} for ever?")):
        raise click.ClickException("nothing was deleted: '--yes' deletes without asking")
    with open_container() as container:
        missing = [one for one in ids if not container.dead_letters().delete(one)]
    click.echo(f"{count(len(ids) - len(missing), 'dead letter')} deleted.")
    if missing:
        raise click.ClickException(_unknown(*missing))


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # there is no terminal to ask on
        return False
