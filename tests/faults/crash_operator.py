"""The operator of the crash runs, who ends what no background job does."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from domain.queues import QueueKind, QueueName
from entrypoints.composition.container import Container
from tests.faults.crash_webhooks import (
    MANY,
    WHATSAPP,
    Case,
    Kind,
    backlog_of,
    receive_all,
    redrivable,
)

_MOVED_FROM = QueueName(WHATSAPP, QueueKind.REPLIES)
"""A queue of the messages that are moved, and of no others."""


def has_backlog(container: Container, cases: Sequence[Case]) -> bool:
    """Whether any work remains, ``operate`` included."""
    return (
        any(backlog_of(container))
        or any(_late_customers(container, cases))
        or _has_contexts_to_move(container, cases)
    )


def operate(container: Container, cases: Sequence[Case]) -> None:
    """Do an operator's work.

    Redrive dead letters, open conversations of late customers, move contexts to a human.
    """
    for dead_letter in list(redrivable(container)):
        container.operations().redrive_dead_letters()(dead_letter)
    if late := _late_customers(container, cases):
        for case in late:
            case.open_conversation(container)
        deque(container.operations().redrive_unmatched()(), maxlen=0)
    if _has_contexts_to_move(container, cases):
        for delivery in receive_all(container.context_queue(), _MOVED_FROM, timedelta(0)):
            container.operations().move_context()(delivery.key, QueueKind.HANDOFF)


def _has_contexts_to_move(container: Container, cases: Sequence[Case]) -> bool:
    if not any(case.kind is Kind.MOVED for case in cases):
        return False
    depths = {depth.queue: depth for depth in container.context_queue().depths()}
    depth = depths[_MOVED_FROM]
    return bool(depth.ready or depth.delayed or depth.in_flight)


def _late_customers(container: Container, cases: Sequence[Case]) -> Sequence[Case]:
    unmatched = container.message_store().list_unmatched(MANY).items
    senders = {record.message.sender.value for record in unmatched}
    return [one for one in cases if one.kind is Kind.LATE_CUSTOMER and one.sender in senders]
