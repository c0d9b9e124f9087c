"""``frontdesk relay``: drain the spool and publish pending messages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from application.ports.spool import SpoolDepth
from application.recovery.drain_spool import DrainOutcome
from application.recovery.relay_outbox import RelayOutcome
from domain.messages import MessageRecord
from domain.times import rfc3339
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import count, print_json, progress, say

if TYPE_CHECKING:
    from entrypoints.composition.container import Container

Outcomes = dict[str, DrainOutcome | RelayOutcome]
"""What became of each webhook and message, by its name: so each counts once, as it ended."""

_COUNTED: Mapping[str, set[DrainOutcome | RelayOutcome]] = {
    "received": {DrainOutcome.RECEIVED},
    "relayed": {RelayOutcome.RELAYED},
    "dead_letters": {DrainOutcome.DEAD_LETTER, RelayOutcome.GIVEN_UP},
    "failed": {DrainOutcome.RELEASED, RelayOutcome.FAILED},
}
_DONE = _COUNTED["received"] | _COUNTED["relayed"] | _COUNTED["dead_letters"]


@click.command(cls=Command, epilog=examples("frontdesk relay", "frontdesk relay --json"))
@json_option
def relay(*, as_json: bool) -> None:
    """Drain the spool, and publish the messages that stayed pending.

    This is what 'frontdesk serve' and the functions on Lambda do all the time. Safe beside them,
    twice at once, and to stop at any point. Ends when nothing is left that can be done now, and
    says what still waits for its next attempt, and until when. Exit code 1 if something was
    tried and still fails, 0 if the rest only waits.
    """
    from entrypoints.operations.checks import pending_messages

    outcomes: Outcomes = {}
    with open_container() as container, progress("messages") as advance:
        for batch in _batches(container):
            outcomes |= batch
            advance(len(outcomes))
        pending, spool = pending_messages(container), container.spool().depth()
    done = {
        name: sum(outcome in counted for outcome in outcomes.values())
        for name, counted in _COUNTED.items()
    }
    if as_json:
        backlog = {
            # Of pending messages a hundred are counted.
            "pending": len(pending),
            "next_attempt_at": min((record.due_at for record in pending), default=None),
            "spooled": spool.entries,
            "broken": spool.broken,
        }
        print_json({**done, **backlog})
    else:
        say("\n".join(_sentences(done, pending, spool)), "bold", lines=True)
    if failed := done["failed"]:
        raise click.ClickException(
            f"{count(failed, 'message')} cannot be processed now: "
            "'frontdesk doctor' tells what does not answer"
        )


def _batches(container: "Container") -> Iterator[Outcomes]:
    """What became of the spool, then of the outbox, as long as anything is done."""
    from entrypoints.operations.background_jobs import RELAY_BATCH, SPOOL_BATCH

    operations = container.operations()
    drain_spool, relay_outbox = operations.drain_spool(), operations.relay_outbox()
    for work, limit in ((drain_spool, SPOOL_BATCH), (relay_outbox, RELAY_BATCH)):
        # What failed comes again before long: during an outage there would be no end.
        is_done = True
        while is_done:
            outcomes: Outcomes = {**work(limit)}
            is_done = not _DONE.isdisjoint(outcomes.values())
            yield outcomes


def _sentences(
    done: Mapping[str, int], pending: Sequence[MessageRecord], spool: SpoolDepth
) -> Iterator[str]:
    from entrypoints.operations.checks import SPOOL_MINUTES, at_most

    if any(done.values()):
        yield (
            f"{count(done['received'], 'webhook')} received from the spool, "
            f"{count(done['relayed'], 'pending message')} published, "
            f"{count(done['dead_letters'], 'dead letter')} written."
        )
    elif pending or spool.entries or spool.broken:
        yield "Nothing is due now."
    else:
        yield "The spool is empty, and no message is pending."
    if pending:
        due_at = rfc3339(min(record.due_at for record in pending))
        yield f"Pending: {at_most(len(pending))}, the next attempt is due at {due_at}."
    if spool.entries:
        yield f"In the spool: {spool.entries}, each is due within {SPOOL_MINUTES} minutes."
    if spool.broken:
        yield f"Broken files in the spool: {spool.broken}, see 'frontdesk doctor'."
