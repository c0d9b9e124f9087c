"""``frontdesk relay``: bring on its way what was left behind."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict

import click

from application.work_off_spool import WorkedOff
from domain.times import rfc3339
from entrypoints.cli.commands import Command
from entrypoints.cli.opened import opened_container
from entrypoints.cli.output import count, examples, json_option, plain, print_json, print_rich
from entrypoints.cli.progress import progress

if TYPE_CHECKING:
    from entrypoints.container import Container


@click.command(
    cls=Command,
    short_help="Bring on its way what was left behind.",
    epilog=examples("frontdesk relay", "frontdesk relay --json"),
)
@json_option
def relay(*, as_json: bool) -> None:
    """Work off the spool, and publish the messages that stayed pending.

    'frontdesk serve' and the functions on Lambda do this all the time. Safe beside them, twice
    at once, and to stop at any point. Ends when nothing is left that can be done now, and says
    what still waits for its next attempt, and until when. Exit code 1 if something was tried
    and still fails, 0 if the rest only waits.
    """
    outcomes: dict[str, str] = {}
    with opened_container() as container, progress("messages", quiet=as_json) as advance:
        for work in (_work_off_spool, _relay_pending):
            for some in work(container):
                outcomes.update(some)
                advance(len(outcomes))
        done, waiting = _counted(outcomes), _waiting(container)
    if as_json:
        print_json({**done, **waiting})
    else:
        print_rich(*(plain(sentence, "bold") for sentence in _sentences(done, waiting)))
    if failed := done["failed"]:
        raise click.ClickException(
            f"{count(failed, 'message')} cannot be brought on the way now: "
            "'frontdesk doctor' tells what does not answer"
        )


def _work_off_spool(container: "Container") -> Iterator[Mapping[str, str]]:
    """What became of each webhook in the spool, by its name, as long as any gets on."""
    from entrypoints.leftovers import SPOOL_BATCH

    work_off = container.work_off_spool()
    gets_on = True
    while gets_on:
        outcomes = {one.entry.entry_id: _NAMES[got] for one, got in work_off.each(SPOOL_BATCH)}
        # What was put back comes again before long: during an outage there would be no end.
        gets_on = any(outcome != "failed" for outcome in outcomes.values())
        yield outcomes


_NAMES = {
    WorkedOff.RECEIVED: "received",
    WorkedOff.DEAD_LETTER: "dead_letters",
    WorkedOff.PUT_BACK: "failed",
}


def _relay_pending(container: "Container") -> Iterator[Mapping[str, str]]:
    """What became of each pending message that is due, by its key, as long as any gets on."""
    from entrypoints.leftovers import RELAY_BATCH

    relay_pending = container.relay_pending()
    gets_on = True
    while gets_on:
        outcomes = {one.gate_key: outcome for one, outcome in relay_pending.each(RELAY_BATCH)}
        gets_on = any(outcome in {"relayed", "given_up"} for outcome in outcomes.values())
        yield outcomes


def _counted(outcomes: Mapping[str, str]) -> dict[str, int]:
    """Webhooks and messages, each once, by what became of it in the end."""
    found = [*outcomes.values()]
    return {
        "received": found.count("received"),
        "relayed": found.count("relayed"),
        "dead_letters": found.count("dead_letters") + found.count("given_up"),
        "failed": found.count("failed"),
    }


class _Waiting(TypedDict):
    """What is still there in the end, due or not; of pending messages a hundred are counted."""

    pending: int
    next_attempt_at: str | None
    spooled: int
    broken: int


def _waiting(container: "Container") -> _Waiting:
    from entrypoints.waiting import Pending

    pending, depth = Pending.of(container), container.spool().depth()
    return {
        "pending": len(pending.records),
        "next_attempt_at": rfc3339(pending.next_attempt_at) if pending.records else None,
        "spooled": depth.entries,
        "broken": depth.broken,
    }


def _sentences(done: Mapping[str, int], waiting: _Waiting) -> Iterator[str]:
    from entrypoints.waiting import SPOOL_MINUTES, at_most

    if any(done.values()):
        yield (
            f"{count(done['received'], 'webhook')} received from the spool, "
            f"{count(done['relayed'], 'pending message')} published, "
            f"{count(done['dead_letters'], 'dead letter')} written."
        )
    elif any(waiting.values()):
        yield "Nothing is due now."
    else:
        yield "Nothing was left behind."
    if waiting["pending"]:
        when = waiting["next_attempt_at"]
        yield f"Pending: {at_most(waiting['pending'])}, the next attempt is due at {when}."
    if waiting["spooled"]:
        yield f"In the spool: {waiting['spooled']}, each is due within {SPOOL_MINUTES} minutes."
    if waiting["broken"]:
        yield f"Broken files in the spool: {waiting['broken']}, see 'frontdesk doctor'."
