"""Bugs without an effect as long as no process dies. The crash runs must find each of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from threading import Thread
from typing import Any
from uuid import uuid4

from application.clock import Deadline
from application.ports.context_queue import DeliveryKey
from application.ports.conversation_store import ConversationStore
from application.ports.dead_letters import DeadLetter
from application.ports.fallback_throttle import ThrottleOutcome
from application.ports.spool import SpoolDelivery
from application.ports.unit_of_work import Unit
from application.receiving.record_message import Receipt, RecordMessage, RecordOutcome
from application.receiving.route_message import Routable, RoutedMessage, RouteMessage
from application.receiving.spool_webhook import SpoolWebhook
from application.recovery.drain_spool import DrainOutcome, DrainSpool
from application.recovery.move_context import MoveContext, MoveOutcome
from application.recovery.redrive_dead_letters import RedriveDeadLetters, RedrivenDeadLetter
from domain.context import ContextObject
from domain.conversations import Conversation
from domain.messages import InboundMessage, MessageRecord
from domain.queues import QueueKind
from infrastructure.sqlite.sqlite_fallback_throttle import SqliteFallbackThrottle
from tests.changed_units import with_ports

MOMENT_SECONDS = 0.2


def _queue_before_publishing() -> None:
    deliver = RouteMessage.__call__

    def call(
        self: RouteMessage, unit: Unit, message: Routable, *others: Any
    ) -> RoutedMessage | None:
        unit.outbox.mark_queued(message.record.request_id, self.clock())
        return deliver(self, unit, message, *others)

    _replace(RouteMessage, "__call__", call)


def _acknowledge_before_the_work() -> None:
    drain = DrainSpool.drain

    def taken(self: DrainSpool, delivery: SpoolDelivery) -> DrainOutcome:
        self.spool.acknowledge(delivery)
        return drain(self, delivery)

    _replace(DrainSpool, "drain", taken)


def _acknowledge_before_it_is_spooled() -> None:
    spool_webhook = SpoolWebhook.__call__

    def call(self: SpoolWebhook, *request: Any) -> None:
        def later() -> None:
            time.sleep(MOMENT_SECONDS)
            spool_webhook(self, *request)

        Thread(target=later, daemon=True).start()

    _replace(SpoolWebhook, "__call__", call)


def _acknowledge_before_the_move() -> None:
    move = MoveContext.__call__

    def call(self: MoveContext, delivered: DeliveryKey, kind: QueueKind) -> MoveOutcome:
        self.reader.acknowledge(delivered.queue, delivered.receipt)
        return move(self, delivered, kind)

    _replace(MoveContext, "__call__", call)


def _put_the_minute_into_the_request_id() -> None:
    request_id = vars(InboundMessage)["request_id"].fget

    def of_this_minute(self: InboundMessage) -> str:
        return f"{self.received_at.minute:02}{request_id(self)[2:]}"

    _replace(InboundMessage, "request_id", property(of_this_minute))


def _new_id_for_each_attempt() -> None:
    context_of = ContextObject.of

    def renamed(*arguments: Any) -> ContextObject:
        return replace(context_of(*arguments), request_id=str(uuid4()))

    _replace(ContextObject, "of", renamed)


def _republish_without_the_update() -> None:
    repeat = RouteMessage.retry

    def as_it_was(self: RouteMessage, record: MessageRecord, deadline: Deadline) -> Any:
        return repeat(with_ports(self, conversations=_Unchanged), record, deadline)

    _replace(RouteMessage, "retry", as_it_was)


class _Unchanged:
    def __init__(self, conversations: ConversationStore) -> None:
        self._conversations = conversations

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conversations, name)

    def record_activity(self, conversation: Conversation, _: InboundMessage) -> Conversation:
        return conversation


def _delete_dead_letters_before_redriving() -> None:
    redrive = RedriveDeadLetters.__call__

    def call(self: RedriveDeadLetters, dead_letter: DeadLetter) -> RedrivenDeadLetter:
        self.dead_letters.delete(dead_letter.dead_letter_id)
        return redrive(self, dead_letter)

    _replace(RedriveDeadLetters, "__call__", call)


def _send_fallbacks_for_duplicates() -> None:
    receive = RecordMessage.__call__

    def call(self: RecordMessage, message: InboundMessage, deadline: Deadline) -> Receipt:
        receipt = receive(self, message, deadline)
        tenant, conversation = self.unit_of_work.run(
            lambda unit: self.match_conversation(unit, message), deadline
        )
        if receipt.outcome is RecordOutcome.DUPLICATE and tenant and conversation is None:
            self.send_fallback(message, tenant)
        return receipt

    _replace(RecordMessage, "__call__", call)
    _replace(SqliteFallbackThrottle, "acquire", lambda *_: ThrottleOutcome.GRANTED)


def _replace(owner: type, name: str, replacement: object) -> None:
    original = getattr(owner, name)
    if callable(original) and callable(replacement):
        replacement = wraps(original)(replacement)
    setattr(owner, name, replacement)


PLANTED_BUGS: Mapping[str, Callable[[], None]] = {
    "queued before it is published": _queue_before_publishing,
    "taken from the spool before the work": _acknowledge_before_the_work,
    "acknowledged before it is spooled": _acknowledge_before_it_is_spooled,
    "acknowledged before it is moved": _acknowledge_before_the_move,
    "recorded once for each minute": _put_the_minute_into_the_request_id,
    "another id for each attempt": _new_id_for_each_attempt,
    "republished without the update": _republish_without_the_update,
    "deleted before it is redriven": _delete_dead_letters_before_redriving,
    "duplicates receive a fallback": _send_fallbacks_for_duplicates,
}
"""The function that plants each bug, in this process and in the processes that it forks."""
