"""Bugs without an effect as long as no process dies. The crash runs must find each of them."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from sqlite3 import Connection
from threading import Thread, current_thread
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

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
from domain.routing import Route
from infrastructure.sqlite.grouped_commits import GroupedCommits, _Member
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
    request_id = vars(InboundMessage)["request_id"].func

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
        directory = self.match_conversation.tenants()
        match = self.unit_of_work.run(
            lambda unit: self.match_conversation(unit, message, directory), deadline
        )
        if (
            receipt.outcome is RecordOutcome.DUPLICATE
            and match.tenant
            and match.conversation is None
        ):
            self.send_fallback(message, match.tenant)
        return receipt

    _replace(RecordMessage, "__call__", call)
    _replace(SqliteFallbackThrottle, "acquire", lambda *_: ThrottleOutcome.GRANTED)


def _publish_after_the_commit() -> None:
    route, finish = RouteMessage.__call__, RouteMessage.finish
    late: dict[str, tuple[ContextObject, Route]] = {}

    class _Later:
        def publish(self, context: ContextObject, route: Route) -> None:
            late[context.request_id] = context, route

    def call(self: RouteMessage, unit: Unit, *others: Any) -> RoutedMessage | None:
        return route(self, replace(unit, publisher=_Later()), *others)

    def finish_late(self: RouteMessage, routed: RoutedMessage | None) -> Conversation | None:
        if routed is not None:
            publication = late.pop(routed.record.request_id)
            self.unit_of_work.run(
                lambda unit: unit.publisher.publish(*publication), Deadline.after()
            )
        return finish(self, routed)

    _replace(RouteMessage, "__call__", call)
    _replace(RouteMessage, "finish", finish_late)


def _tell(members: Iterable[Any]) -> None:
    """Let threads believe that their units are durable, and give them a moment to say so."""
    for member in members:
        member.error, member.is_done = None, True
        member.wake()
    time.sleep(MOMENT_SECONDS)


def _tell_each_after_its_work() -> None:
    create, run = _Member.__init__, _Member.run
    threads: WeakKeyDictionary[object, Thread] = WeakKeyDictionary()

    def create_here(self: Any, *arguments: Any) -> None:
        create(self, *arguments)
        threads[self] = current_thread()

    def run_and_tell(self: Any, unit: Unit) -> None:
        run(self, unit)
        if threads[self] is not current_thread():
            _tell([self])

    _replace(_Member, "__init__", create_here)
    _replace(_Member, "run", run_and_tell)


def _tell_before_the_commit() -> None:
    run_members = GroupedCommits._run_members

    def run_and_tell(self: GroupedCommits, group: list[Any], *others: Any) -> None:
        run_members(self, group, *others)
        _tell(group[1:])

    _replace(GroupedCommits, "_run_members", run_and_tell)


def _commit_what_another_has_left() -> None:
    run_members = GroupedCommits._run_members

    def run_and_commit(self: GroupedCommits, group: list[Any], connection: Connection) -> None:
        try:
            run_members(self, group, connection)
        except Exception:
            connection.execute("COMMIT")
            raise

    _replace(GroupedCommits, "_run_members", run_and_commit)


def _tell_whose_work_was_taken_back() -> None:
    run_members = GroupedCommits._run_members

    def run_and_tell(self: GroupedCommits, group: list[Any], *others: Any) -> None:
        try:
            run_members(self, group, *others)
        except Exception:
            _tell(group[:-1])
            del group[:-1]
            raise

    _replace(GroupedCommits, "_run_members", run_and_tell)


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
    "published after the commit": _publish_after_the_commit,
    "answered after its own work": _tell_each_after_its_work,
    "answered before the commit": _tell_before_the_commit,
    "committed half by another's error": _commit_what_another_has_left,
    "taken back by another's error": _tell_whose_work_was_taken_back,
}
"""The function that plants each bug, in this process and in the processes that it forks."""
