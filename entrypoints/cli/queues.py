"""``frontdesk queues``: how much waits, and what; move it and acknowledge it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import click

from application.clock import utc_now
from application.ports.context_queue import (
    DelayedReader,
    Delivery,
    DeliveryKey,
    QueueDepth,
    UnknownDepth,
    VisibleQueue,
    WaitingContext,
    known_depths,
)
from application.recovery.move_context import MoveOutcome
from domain.queues import ALL_QUEUES, QueueKind, QueueName
from entrypoints.cli.terminal.commands import (
    Group,
    after_option,
    bad_parameters,
    examples,
    json_option,
    limit_option,
)
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    age,
    attributes,
    count,
    cut,
    duration,
    print_json,
    say,
    to_json,
)
from entrypoints.cli.terminal.tables import Column, Listing

_QUEUES = {str(queue): queue for queue in ALL_QUEUES}
_KINDS = [kind.value for kind in QueueKind]
_PUBLICATION = re.compile("[1-9][0-9]{0,8}")
_queue_argument = click.argument("queue", type=click.Choice(tuple(_QUEUES)), metavar="QUEUE")


@click.group(cls=Group, short_help="What waits on the queues.")
def queues() -> None:
    """See how much waits on the queues, read it, move it and acknowledge it.

    QUEUE is {channel}-{replies|handoff}, for example sms-replies: AI answers from the
    replies queues, humans from the handoff queues.
    """


def _depth_record(depth: QueueDepth | UnknownDepth) -> dict[str, object]:
    if isinstance(depth, UnknownDepth):
        return {"queue": str(depth.queue), "error": depth.reason}
    since = (utc_now() - depth.oldest_at).total_seconds() if depth.oldest_at else None
    return {
        **attributes(depth, "queue", "ready", "delayed", "in_flight", "oldest_at"),
        "oldest_age_seconds": None if since is None else round(since, 3),
    }


def _number(name: str) -> Callable[[QueueDepth | UnknownDepth], object]:
    return lambda depth: getattr(depth, name, None)


def _oldest(depth: QueueDepth | UnknownDepth) -> str | None:
    return age(depth.oldest_at) if isinstance(depth, QueueDepth) else None


_DEPTHS = Listing[QueueDepth | UnknownDepth](
    (
        Column("queue", lambda depth: depth.queue, whole=True),
        Column("ready", _number("ready"), number=True),
        Column("delayed", _number("delayed"), number=True),
        Column("taken", _number("in_flight"), number=True),
        Column("oldest", _oldest, number=True),
    ),
    record=_depth_record,
)


@queues.command(name="list", epilog=examples("frontdesk queues list"))
@json_option
def list_command(*, as_json: bool) -> None:
    """Show how much waits on each queue, and for how long.

    It is ready, delayed, or taken and not acknowledged yet. A queue that an operator has to mend
    is named on standard error, and the exit code is 1.
    """
    with open_container() as container:
        depths = known_depths(container.context_queue())
    _DEPTHS.print(depths, as_json=as_json)
    if unknown := [depth.reason for depth in depths if isinstance(depth, UnknownDepth)]:
        raise click.ClickException("; ".join(unknown))


@queues.command(
    epilog=examples(
        "frontdesk queues read sms-replies --include-delayed",
        "frontdesk queues read whatsapp-handoff --max 1 --acknowledge --json",
    )
)
@_queue_argument
@limit_option(10, "--max")
@click.option("--include-delayed", is_flag=True, help="Also what still waits for its delay.")
@click.option("--acknowledge", is_flag=True, help="Remove them once they are printed.")
@click.option(
    "--visibility-seconds",
    type=click.IntRange(0, 43_200),
    default=30,
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
    """Take contexts from a queue and show them.

    They are what a consumer would get. What is not acknowledged comes back after a while, with
    a higher receive count. With --json a line holds queue, receipt, receive_count and context.
    """
    name = _QUEUES[queue]
    with open_container() as container:
        reader = container.context_queue()
        receive, hint = reader.receive, ""
        if isinstance(reader, DelayedReader):
            hint = ": --include-delayed shows it"
            receive = reader.receive_with_delayed if include_delayed else receive
        elif include_delayed:
            raise click.ClickException(
                "this backend shows nothing before its delay is over: leave out --include-delayed"
            )
        deliveries = receive(name, limit, visibility=timedelta(seconds=visibility_seconds))
        for delivery in deliveries:
            _print_delivery(delivery, as_json=as_json)
        # Acknowledged only after printing: what was not printed must not be lost in a broken pipe.
        remaining = [
            delivery.receipt
            for delivery in deliveries
            if acknowledge and not reader.acknowledge(name, delivery.receipt)
        ]
        depth = reader.depth(name)
    if remaining:
        raise click.ClickException(
            f"{queue}: {count(len(remaining), 'context')} could not be acknowledged: will come back"
        )
    if as_json:
        return
    if deliveries:
        fate = "" if acknowledge else f", back in {visibility_seconds} s unless"
        more = f"; {depth.ready} more ready" if depth.ready else ""
        say(f"{queue}: {count(len(deliveries), 'context')}{fate} acknowledged{more}", "dim")
    else:
        say(f"{queue}: {_why_nothing(depth, hint)}", "dim")


def _print_delivery(delivery: Delivery, *, as_json: bool) -> None:
    from infrastructure.serialization.context_json import context_to_json

    context = json.loads(context_to_json(delivery.context))
    if as_json:
        place = attributes(delivery, "queue", "receipt", "receive_count")
        print_json({**place, "receipt": _receipt(delivery), "context": context})
        return
    times = "first time" if delivery.receive_count == 1 else f"time {delivery.receive_count}"
    say(f"{delivery.queue}  receipt {_receipt(delivery)}  ({times})", "bold")
    click.echo(f"{to_json(context, indent=2)}\n")


def _why_nothing(depth: QueueDepth, hint: str) -> str:
    reasons = []
    if depth.delayed:
        reasons.append(f"{depth.delayed} delayed{hint}")
    if depth.in_flight:
        reasons.append(f"{depth.in_flight} taken and not acknowledged yet")
    return "; ".join(["nothing ready" if reasons else "empty", *reasons])


def _receipt(delivery: Delivery) -> str:
    """What a reader gives to ``acknowledge`` and ``move``.

    The receipt of SQS does not lead back to the context. So what moving needs stands before it.
    """
    key = delivery.key
    return f"{key.request_id}.{key.publication}.{key.receipt}"


def _delivery_key(queue: QueueName, receipt: str) -> DeliveryKey:
    request_id, publication, own_receipt = [*receipt.split(".", 2), "", ""][:3]
    if not (request_id and _PUBLICATION.fullmatch(publication) and own_receipt):
        raise _invalid_receipt(queue)
    return DeliveryKey(queue, request_id, int(publication), own_receipt)


def _invalid_receipt(queue: QueueName) -> click.ClickException:
    return click.ClickException(
        f"{queue}: this receipt is not valid, or no longer: read the context again"
    )


def _state(waiting: WaitingContext) -> str:
    left = (waiting.visible_at - utc_now()).total_seconds()
    if left <= 0:
        times = waiting.receive_count
        return f"ready, delivered {count(times, 'time')}" if times else "ready"
    return f"{'taken' if waiting.receive_count else 'delayed'}, {duration(left)} more"


def _waiting_record(waiting: WaitingContext) -> dict[str, object]:
    from infrastructure.serialization.context_json import context_to_json

    names = ("queue", "published_at", "visible_at", "receive_count")
    return {**attributes(waiting, *names), "context": json.loads(context_to_json(waiting.context))}


_WAITING = Listing[WaitingContext](
    (
        Column("request id", lambda one: one.context.request_id, whole=True),
        Column("state", _state),
        Column("age", lambda one: age(one.published_at), number=True),
        Column("from", lambda one: one.context.message.sender),
        Column("text", lambda one: cut(one.context.message.body, 40), essential=False),
    ),
    record=_waiting_record,
    empty="Nothing waits.",
)


@queues.command(epilog=examples("frontdesk queues look sms-replies"))
@_queue_argument
@limit_option(10, "--max")
@after_option
@json_option
def look(*, queue: str, limit: int, after: str | None, as_json: bool) -> None:
    """Show what waits on a queue, delayed and taken contexts too, and leave all as it is.

    In the order of delivery. Only embedded queues can be looked into: SQS shows a context to its
    consumer alone.
    """
    with open_container() as container, bad_parameters():
        reader = container.context_queue()
        if not isinstance(reader, VisibleQueue):
            raise click.ClickException(
                "this backend shows a context to its consumer alone: 'queues read' takes it"
            )
        page = reader.look(_QUEUES[queue], limit, after=after)
    _WAITING.print_page(page, limit, as_json=as_json)


_OUTCOMES = {
    MoveOutcome.MOVED: "moved to {target}",
    MoveOutcome.STALE: "acknowledged only: it had been moved before",
    MoveOutcome.UNMATCHED: "acknowledged only: its conversation is closed or gone, and its "
    "message is unmatched",
    MoveOutcome.ERASED: "acknowledged only: its message was erased",
}


@queues.command(epilog=examples("frontdesk queues move sms-replies RECEIPT handoff"))
@_queue_argument
@click.argument("receipt")
@click.argument("kind", type=click.Choice(_KINDS), metavar="handoff|replies")
def move(*, queue: str, receipt: str, kind: str) -> None:
    """Move a context that 'queues read' showed to the other queue of its channel.

    It is put there without a delay, with the next publication number, and then acknowledged
    here. Safe to repeat.
    """
    key, target = _delivery_key(_QUEUES[queue], receipt), QueueKind(kind)
    with open_container() as container:
        outcome = container.operations().move_context()(key, target)
    said = _OUTCOMES[outcome].format(target=QueueName(key.queue.channel, target))
    click.echo(f"{queue}: {said}")


@queues.command(epilog=examples("frontdesk queues acknowledge sms-replies RECEIPT"))
@_queue_argument
@click.argument("receipt")
def acknowledge(*, queue: str, receipt: str) -> None:
    """Remove a context that 'queues read' showed, by its RECEIPT."""
    key = _delivery_key(_QUEUES[queue], receipt)
    with open_container() as container:
        done = container.context_queue().acknowledge(key.queue, key.receipt)
    if not done:
        raise _invalid_receipt(key.queue)
    click.echo(f"{queue}: acknowledged")
