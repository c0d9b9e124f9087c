"""``frontdesk relay``: drain the spool and publish pending messages."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict

import click

from application.recovery.drain_spool import DrainOutcome
from application.recovery.relay_outbox import RelayOutcome
from domain.times import rfc3339
from entrypoints.cli.terminal.commands import Command
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    count,
    examples,
    json_option,
    plain,
    print_json,
    print_rich,
)
from entrypoints.cli.terminal.progress import progress

if TYPE_CHECKING:
    from entrypoints.composition.container import Container


@click.command(
    cls=Command,
    short_help="Drain the spool and publish pending messages.",
    epilog=examples("frontdesk relay", "frontdesk relay --json"),
)
@json_option
def relay(*, as_json: bool) -> None:
    """Drain the spool, and publish the messages that stayed pending.

    'frontdesk serve' and the functions on Lambda do this all the time. Safe beside them, twice
    at once, and to stop at any point. Ends when nothing is left that can be done now, and says
    what still waits for its next attempt, and until when. Exit code 1 if something was tried
    and still fails, 0 if the rest only waits.
    """
    outcomes: dict[str, str] = {}
    with open_container() as container, progress("messages", quiet=as_json) as advance:
        for work in (_drain_spool, _relay_outbox):
            for some in work(container):
                outcomes.update(some)
                advance(len(outcomes))
        done, backlog = _counted(outcomes), _backlog(container)
    if as_json:
        print_json({**done, **backlog})
    else:
        print_rich(*(plain(sentence, "bold") for sentence in _sentences(done, backlog)))
    if failed := done["failed"]:
        raise click.ClickException(
            f"{count(failed, 'message')} cannot be processed now: "
            "'frontdesk doctor' tells what does not answer"
        )


def _drain_spool(container: "Container") -> Iterator[Mapping[str, str]]:
    """What became of each webhook in the spool, by its name, as long as any gets on."""
    from entrypoints.operations.background_jobs import SPOOL_BATCH

    drain = container.drain_spool()
    gets_on = True
    while gets_on:
        outcomes = {one.entry.entry_id: _NAMES[got] for one, got in drain.each(SPOOL_BATCH)}
        # What was put back comes again before long: during an outage there would be no end.
        gets_on = any(outcome != "failed" for outcome in outcomes.values())
        yield outcomes


_NAMES = {
    DrainOutcome.RECEIVED: "received",
    DrainOutcome.DEAD_LETTER: "dead_letters",
    DrainOutcome.RELEASED: "failed",
}


_GETS_ON = frozenset({RelayOutcome.RELAYED, RelayOutcome.GIVEN_UP})


def _relay_outbox(container: "Container") -> Iterator[Mapping[str, str]]:
    """What became of each pending message that is due, by its key, as long as any gets on."""
    from entrypoints.operations.background_jobs import RELAY_BATCH

    relay_outbox = container.relay_outbox()
    gets_on = True
    while gets_on:
        outcomes = {one.request_id: outcome for one, outcome in relay_outbox.each(RELAY_BATCH)}
        gets_on = any(
            outcome in {RelayOutcome.RELAYED, RelayOutcome.GIVEN_UP}
            for outcome in outcomes.values()
        )
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


class _Backlog(TypedDict):
    """What is still there in the end, due or not; of pending messages a hundred are counted."""

    pending: int
    next_attempt_at: str | None
    spooled: int
    broken: int


def _backlog(container: "Container") -> _Backlog:
    from entrypoints.operations.backlog import Pending

    pending, depth = Pending.of(container), container.spool().depth()
    return {
        "pending": len(pending.records),
        "next_attempt_at": rfc3339(pending.next_attempt_at) if pending.records else None,
        "spooled": depth.entries,
        "broken": depth.broken,
    }


def _sentences(done: Mapping[str, int], backlog: _Backlog) -> Iterator[str]:
    from entrypoints.operations.backlog import SPOOL_MINUTES, at_most

    if any(done.values()):
        yield (
            f"{count(done['received'], 'webhook')} received from the spool, "
            f"{count(done['relayed'], 'pending message')} published, "
            f"{count(done['dead_letters'], 'dead letter')} written."
        )
    elif any(backlog.values()):
        yield "Nothing is due now."
    else:
        yield "The spool is empty, and no message is pending."
    if backlog["pending"]:
        when = backlog["next_attempt_at"]
        yield f"Pending: {at_most(backlog['pending'])}, the next attempt is due at {when}."
    if backlog["spooled"]:
        yield f"In the spool: {backlog['spooled']}, each is due within {SPOOL_MINUTES} minutes."
    if backlog["broken"]:
        yield f"Broken files in the spool: {backlog['broken']}, see 'frontdesk doctor'."
