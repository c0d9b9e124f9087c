"""``frontdesk dead-letters``: what could not be processed."""

from typing import TYPE_CHECKING

import click

from domain.times import rfc3339
from entrypoints.cli.commands import Group
from entrypoints.cli.opened import opened_container
from entrypoints.cli.output import (
    Column,
    examples,
    json_option,
    limit_option,
    moment,
    plain,
    print_json,
    print_rich,
    print_table,
)

if TYPE_CHECKING:
    from application.ports.files import DeadLetter


@click.group(name="dead-letters", cls=Group, short_help="What could not be processed.")
def dead_letters() -> None:
    """See the authentic requests that could not be processed."""


@dead_letters.command(
    name="list",
    short_help="List dead letters, oldest first.",
    epilog=examples("frontdesk dead-letters list"),
)
@limit_option(100)
@json_option
def list_command(*, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first: what kind each is, and why."""
    with opened_container() as container:
        letters = container.dead_letters().list_letters(limit)
    if as_json:
        for letter in letters:
            print_json(_letter_record(letter))
        return
    print_table(
        (
            Column("id", whole=True),
            Column("kind", essential=False),
            Column("reason"),
            Column("attempts", number=True, essential=False),
            Column("created (UTC)", whole=True),
        ),
        (
            (
                letter.letter_id,
                letter.kind,
                letter.reason,
                letter.attempts,
                moment(letter.created_at),
            )
            for letter in letters
        ),
        empty="There are no dead letters.",
    )
    if len(letters) == limit:
        print_rich(plain(f"The oldest {limit}: a larger --limit shows more.", "dim"))


def _letter_record(letter: "DeadLetter") -> dict[str, object]:
    """Everything but the request, which may hold anything."""
    return {
        "id": letter.letter_id,
        "kind": letter.kind.value,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "created_at": rfc3339(letter.created_at),
        "account": letter.account,
        "path": letter.request.path,
        "size_bytes": len(letter.request.body),
    }
