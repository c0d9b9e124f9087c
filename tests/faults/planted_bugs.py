"""Mistakes that nobody sees as long as no process dies: the crash runs must find each of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from threading import Thread
from typing import Any
from uuid import uuid4

from application.clock import Deadline
from application.deliver_message import DeliverMessage
from application.ports.files import DeadLetter
from application.ports.spooling import SpoolDelivery
from application.ports.storage import Claim, ConversationStore
from application.receive_message import Outcome, Receipt, ReceiveMessage
from application.redrive_dead_letters import RedriveDeadLetters, RedrivenLetter
from application.spool_request import SpoolRequest
from application.work_off_spool import WorkedOff, WorkOffSpool
from domain.conversations import Conversation
from domain.messages import InboundMessage, MessageRecord
from infrastructure.storage.sqlite_claims import SqliteAnswerClaims

MOMENT_SECONDS = 0.2


def _queue_before_publishing() -> None:
    deliver = DeliverMessage.__call__

    def call(self: DeliverMessage, record: MessageRecord, *others: Any) -> Conversation | None:
        self.messages.mark_queued(record.gate_key, self.clock())
        return deliver(self, record, *others)

    _replace(DeliverMessage, "__call__", call)


def _take_from_spool_before_the_work() -> None:
    work_off = WorkOffSpool.work_off

    def taken(self: WorkOffSpool, delivery: SpoolDelivery) -> WorkedOff:
        self.spool.done(delivery)
        return work_off(self, delivery)

    _replace(WorkOffSpool, "work_off", taken)


def _thank_before_it_is_put_aside() -> None:
    put_aside = SpoolRequest.__call__

    def call(self: SpoolRequest, *request: Any) -> None:
        def later() -> None:
            time.sleep(MOMENT_SECONDS)
            put_aside(self, *request)

        Thread(target=later, daemon=True).start()

    _replace(SpoolRequest, "__call__", call)


def _count_the_minute_in_the_gate() -> None:
    gate_key = vars(InboundMessage)["gate_key"].fget

    def of_this_minute(self: InboundMessage) -> str:
        return f"{self.received_at.minute:02}{gate_key(self)[2:]}"

    _replace(InboundMessage, "gate_key", property(of_this_minute))


def _new_id_for_each_attempt() -> None:
    repeat = DeliverMessage.repeat

    def renamed(self: DeliverMessage, record: MessageRecord, deadline: Deadline) -> Any:
        return repeat(self, replace(record, request_id=str(uuid4())), deadline)

    _replace(DeliverMessage, "repeat", renamed)


def _republish_without_the_update() -> None:
    repeat = DeliverMessage.repeat

    def as_it_was(self: DeliverMessage, record: MessageRecord, deadline: Deadline) -> Any:
        return repeat(replace(self, conversations=_Unchanged(self.conversations)), record, deadline)

    _replace(DeliverMessage, "repeat", as_it_was)


class _Unchanged:
    def __init__(self, conversations: ConversationStore) -> None:
        self._conversations = conversations

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conversations, name)

    def record_activity(self, conversation: Conversation, _: InboundMessage) -> Conversation:
        return conversation


def _delete_letters_before_redriving() -> None:
    redrive = RedriveDeadLetters.__call__

    def call(self: RedriveDeadLetters, letter: DeadLetter) -> RedrivenLetter:
        self.dead_letters.delete(letter.letter_id)
        return redrive(self, letter)

    _replace(RedriveDeadLetters, "__call__", call)


def _answer_duplicates_and_forget_it() -> None:
    receive = ReceiveMessage.__call__

    def call(self: ReceiveMessage, message: InboundMessage, deadline: Deadline) -> Receipt:
        receipt = receive(self, message, deadline)
        tenant, conversation = self.match(message)
        if receipt.outcome is Outcome.DUPLICATE and tenant and conversation is None:
            self.answer_unknown_sender(message, tenant)
        return receipt

    _replace(ReceiveMessage, "__call__", call)
    _replace(SqliteAnswerClaims, "claim", lambda *_: Claim.GRANTED)


def _replace(owner: type, name: str, replacement: object) -> None:
    original = getattr(owner, name)
    if callable(original) and callable(replacement):
        replacement = wraps(original)(replacement)
    setattr(owner, name, replacement)


PLANTED_BUGS: Mapping[str, Callable[[], None]] = {
    "queued before it is published": _queue_before_publishing,
    "taken from the spool before the work": _take_from_spool_before_the_work,
    "thanked for before it is put aside": _thank_before_it_is_put_aside,
    "recorded once a minute": _count_the_minute_in_the_gate,
    "another id for each attempt": _new_id_for_each_attempt,
    "republished without the update": _republish_without_the_update,
    "deleted before it is redriven": _delete_letters_before_redriving,
    "duplicates are answered": _answer_duplicates_and_forget_it,
}
"""What plants each, in this process and those that it starts."""
