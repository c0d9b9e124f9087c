"""``frontdesk queues``: how much waits, and what."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from application.clock import utc_now
from application.ports.context_queue import DelayedReader
from domain.routing import ALL_QUEUES
from domain.times import rfc3339
from entrypoints.cli.terminal.commands import Group
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    Column,
    age,
    count,
    duration,
    examples,
    json_option,
    plain,
    print_json,
    print_json_pretty,
    print_rich,
    print_table,
)

if TYPE_CHECKING:
    from application.ports.context_queue import Delivery, QueueDepth

_QUEUES = {str(queue): queue for queue in ALL_QUEUES}
_queue_argument = click.argument("queue", type=click.Choice(tuple(_QUEUES)), metavar="QUEUE")


@click.group(cls=Group, short_help="What waits on the queues.")
def queues() -> None:
    """See how much waits on the queues, read it and acknowledge it.

    QUEUE is {channel}-{replies|handoff}, for example sms-replies: AI answers from the
    replies queues, humans from the handoff queues.
    """


@queues.command(
    name="list",
    short_help="How much waits on each queue.",
    epilog=examples("frontdesk queues list"),
)
@json_option
def list_command(*, as_json: bool) -> None:
    """List the six queues: ready, delayed, taken but not acknowledged, and the oldest's age."""
    with open_container() as container:
        depths = container.context_queue().depths()
    if as_json:
        for depth in depths:
            print_json(_depth_record(depth))
        return
    print_table(
        (
            Column("queue", whole=True),
            Column("ready", number=True),
            Column("delayed", number=True),
            Column("taken", number=True),
            Column("oldest", number=True),
        ),
        ((d.queue, d.ready, d.delayed, d.in_flight, age(d.oldest_at)) for d in depths),
        empty="There are no queues.",
    )


def _depth_record(depth: "QueueDepth") -> dict[str, object]:
    oldest = depth.oldest_at
    return {
        "queue": str(depth.queue),
        "ready": depth.ready,
        "delayed": depth.delayed,
        "in_flight": depth.in_flight,
        "oldest_at": rfc3339(oldest) if oldest else None,
        "oldest_age_seconds": round((utc_now() - oldest).total_seconds(), 3) if oldest else None,
    }


@queues.command(
    short_help="Take contexts from a queue and show them.",
    epilog=examples(
        "frontdesk queues read sms-replies --include-delayed",
        "frontdesk queues read whatsapp-handoff --max 1 --acknowledge --json",
    ),
)
@_queue_argument
@click.option(
    "--max", "limit", type=click.IntRange(1), default=10, show_default=True, help="At most so many."
)
@click.option("--include-delayed", is_flag=True, help="Also what still waits for its delay.")
@click.option("--acknowledge", is_flag=True, help="Remove them once they are printed.")
@click.option(
    "--visibility-seconds",
    type=click.IntRange(0, 43_200),
    default=30,
    show_default=True,
    help="How long what is read stays hidden from other readers.",
)
@json_option
def read(
    *,
    queue: str,
    limit: int,
    include_delayed: bool,
    acknowledge: bool,
    visibility_seconds: int,
    as_json: bool,
) -> None:
    """Take contexts from QUEUE and show them, as a consumer would get them.

    What is not acknowledged comes back after a while, with a higher receive count. With
    --json a line holds queue, receipt, receive_count and context.
    """
    name = _QUEUES[queue]
    with open_container() as container:
        reader = container.context_queue()
        shows_delayed = isinstance(reader, DelayedReader)
        receive = reader.receive
        if include_delayed:
            if not isinstance(reader, DelayedReader):
                raise click.ClickException(
                    "this backend shows nothing before its delay is over: "
                    "leave out --include-delayed"
                )
            receive = reader.receive_with_delayed
        deliveries = receive(name, limit, visibility=timedelta(seconds=visibility_seconds))
        for delivery in deliveries:
            _print_delivery(delivery, as_json=as_json)
        # Acknowledged only after printing: what nobody saw must not be lost in a broken pipe.
        remaining = [
            delivery.receipt
            for delivery in deliveries
            if acknowledge and not reader.acknowledge(name, delivery.receipt)
        ]
        depth = next(depth for depth in reader.depths() if depth.queue == name)
        delay_seconds = container.settings().reply_delay_seconds
        hint = ": --include-delayed shows it" if shows_delayed else ""
    if remaining:
        raise click.ClickException(
            f"{queue}: {count(len(remaining), 'context')} could not be acknowledged: will come back"
        )
    if not as_json:
        comes_back = None if acknowledge else visibility_seconds
        print_rich(plain(_closing_note(deliveries, depth, comes_back, delay_seconds, hint), "dim"))


def _print_delivery(delivery: "Delivery", *, as_json: bool) -> None:
    from infrastructure.serialization.context_json import context_to_json

    context = json.loads(context_to_json(delivery.context))
    if as_json:
        print_json(
            {
                "queue": str(delivery.queue),
                "receipt": delivery.receipt,
                "receive_count": delivery.receive_count,
                "context": context,
            }
        )
        return
    times = "first time" if delivery.receive_count == 1 else f"time {delivery.receive_count}"
    print_rich(plain(f"{delivery.queue}  receipt {delivery.receipt}  ({times})", "bold"))
    print_json_pretty(context)
    click.echo()


def _closing_note(
    deliveries: "Sequence[Delivery]",
    depth: "QueueDepth",
    comes_back_seconds: int | None,
    delay_seconds: int,
    hint: str,
) -> str:
    """What became of what was read, or why there was nothing to read."""
    if not deliveries:
        return nothing_ready(depth, delay_seconds, utc_now(), hint)
    read_now = count(len(deliveries), "context")
    if comes_back_seconds is None:
        note = f"{depth.queue}: {read_now} acknowledged"
    else:
        note = f"{depth.queue}: {read_now}, back in {comes_back_seconds} s unless acknowledged"
    return f"{note}; {depth.ready} more ready" if depth.ready else note


def nothing_ready(depth: "QueueDepth", delay_seconds: int, now: datetime, hint: str = "") -> str:
    """Why a read brought nothing: empty, delayed (and with ``hint`` what to do), or taken."""
    reasons = []
    if depth.delayed:
        when = _next_within(depth, delay_seconds, now)
        reasons.append(f"{depth.delayed} delayed, {when}{hint}")
    if depth.in_flight:
        reasons.append(f"{depth.in_flight} taken and not acknowledged yet")
    return f"{depth.queue}: " + "; ".join(["nothing ready" if reasons else "empty", *reasons])


def _next_within(depth: "QueueDepth", delay_seconds: int, now: datetime) -> str:
    """When the next one is due at the latest: the oldest has waited longest, if it is delayed."""
    left = float(delay_seconds)
    if depth.oldest_at is not None and not depth.in_flight:
        left -= (now - depth.oldest_at).total_seconds()
    return f"the next within {duration(max(left, 1))}"


@queues.command(
    short_help="Remove a context by its receipt.",
    epilog=examples("frontdesk queues acknowledge sms-replies RECEIPT"),
)
@_queue_argument
@click.argument("receipt")
def acknowledge(*, queue: str, receipt: str) -> None:
    """Remove a context that 'queues read' showed, by its RECEIPT."""
    with open_container() as container:
        done = container.context_queue().acknowledge(_QUEUES[queue], receipt)
    if not done:
        raise click.ClickException(
            f"{queue}: this receipt is not valid, or no longer: read the context again"
        )
    click.echo(f"{queue}: acknowledged")
