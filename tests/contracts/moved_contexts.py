"""The contract of ``Outbox.move``, and of ``MoveContext`` on every backend."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from application.clock import Deadline
from application.conversations.open_conversation import OpenConversation
from application.ports.context_queue import ContextPublisher, Delivery, DeliveryKey, SearchableQueue
from application.ports.stores import Stores
from application.ports.unit_of_work import Unit, UnitOfWork
from application.receiving.match_conversation import MatchConversation
from application.receiving.route_message import Routable, RouteMessage
from application.recovery.move_context import MoveContext, MoveOutcome
from domain.channels import ChannelType
from domain.context import ContextObject, MessageContext
from domain.conversations import CLOSED
from domain.erasure import RetainedMessage
from domain.errors import ContextNotMovedError, QueueRoutingError
from domain.messages import MessageRecord, MessageState
from domain.queues import QueueKind
from domain.routing import Route, RoutingPolicy
from domain.tenants import TenantDirectory, UnknownSender
from domain.trail import FailedAttempt
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.separate_steps import SeparateSteps
from infrastructure.serialization.claim_check import BlobClaimCheck
from tests.builders import NOW, a_conversation, a_record, a_tenant, an_inbound_message
from tests.changed_units import with_ports
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import HANDOFF, REPLIES, ContextQueue, request_ids
from tests.contracts.message_lists import LATER, MessageStoreTests

TO_HUMAN, TO_AI = QueueKind.HANDOFF, QueueKind.REPLIES
REQUEST_ID = a_record().request_id


def record_of(stores: Stores) -> MessageRecord:
    """The record of the usual message."""
    record = stores.messages.find_record(REQUEST_ID)
    assert isinstance(record, MessageRecord)
    return record


class MoveContract(MessageStoreTests):
    """A message gets its next publication once, whatever became of the one before."""

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"state": MessageState.QUEUED, "queued_at": NOW},
            {"state": MessageState.UNDELIVERABLE, "lease_until": NOW, "attempts": 100},
            {"state": MessageState.UNMATCHED, "conversation": None},
        ],
        ids=["pending", "queued", "undeliverable", "unmatched"],
    )
    def test_moved_message_is_pending_for_the_queue_with_a_lease(
        self, stores: Stores, changes: dict[str, Any]
    ) -> None:
        record = a_record(**changes)
        stores.messages.record(record)
        assert stores.outbox.move(record, HANDOFF, LATER)
        moved = record.moved_to(HANDOFF, LATER)
        assert record_of(stores) == moved
        assert (moved.state, moved.publication, moved.attempts) == (MessageState.PENDING, 2, 1)
        assert moved.lease_until is not None
        assert stores.outbox.list_stuck(10, moved.lease_until - timedelta(microseconds=1)) == ()
        assert stores.outbox.list_stuck(10, moved.lease_until) == (moved,)

    def test_message_is_moved_there_and_back(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert stores.outbox.move(a_record(), HANDOFF, NOW)
        assert stores.outbox.move(record_of(stores), REPLIES, LATER)
        assert (record_of(stores).publication, record_of(stores).queue) == (3, REPLIES)

    def test_publication_that_is_not_the_present_one_is_not_moved(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.move(a_record(), HANDOFF, NOW)
        assert not stores.outbox.move(a_record(), REPLIES, LATER)
        ahead = replace(a_record(), publication=3, queue=HANDOFF)
        assert not stores.outbox.move(ahead, REPLIES, LATER)
        assert record_of(stores) == a_record().moved_to(HANDOFF, NOW)

    def test_unknown_and_erased_messages_are_not_moved(self, stores: Stores) -> None:
        assert not stores.outbox.move(a_record(), HANDOFF, NOW)
        stores.messages.record(a_record())
        stores.retention.erase(RetainedMessage.of(a_record()))
        assert not stores.outbox.move(a_record(), HANDOFF, NOW)

    def test_concurrent_moves_succeed_once(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        moments = [LATER + timedelta(seconds=number) for number in range(16)]
        moves = [partial(stores.outbox.move, a_record(), HANDOFF, moment) for moment in moments]
        moved = at_once(moves)
        assert moved.count(True) == 1
        assert record_of(stores) == a_record().moved_to(HANDOFF, moments[moved.index(True)])

    def test_publisher_of_an_earlier_publication_does_not_mark_the_next_as_queued(
        self, stores: Stores
    ) -> None:
        stores.messages.record(a_record())
        stores.outbox.move(a_record(), HANDOFF, NOW)
        for publication in (1, 3):
            assert stores.outbox.mark_queued(REQUEST_ID, LATER, publication)
            assert record_of(stores) == a_record().moved_to(HANDOFF, NOW)
        assert stores.outbox.mark_queued(REQUEST_ID, LATER, 2)
        assert (record_of(stores).state, record_of(stores).queued_at) == ("queued", LATER)

    def test_moved_message_can_be_leased_given_up_and_retried(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        stores.outbox.move(a_record(), HANDOFF, NOW)
        assert stores.outbox.take_lease(record_of(stores), LATER)
        assert stores.outbox.give_up(record_of(stores))
        assert stores.outbox.retry(REQUEST_ID)
        found = record_of(stores)
        assert (found.state, found.publication, found.queue) == ("pending", 2, HANDOFF)

    def test_process_that_saw_the_message_before_the_move_cannot_lease_it(
        self, stores: Stores
    ) -> None:
        stores.messages.record(a_record())
        stores.outbox.move(a_record(), HANDOFF, NOW)
        assert not stores.outbox.take_lease(a_record(), LATER)


@dataclass
class Desk:
    """The use case over the stores and the queue of one backend, with one message on it."""

    stores: Stores
    queue: ContextQueue
    publisher: ContextPublisher
    unit_of_work: UnitOfWork | None = None
    now: datetime = NOW

    def __post_init__(self) -> None:
        stores = self.stores
        directory = TenantDirectory((a_tenant(),))
        opens = OpenConversation(stores.conversations, lambda: directory)
        match = MatchConversation(lambda: directory, opens, UnknownSender.FALLBACK)
        steps = Unit(
            stores.conversations, stores.messages, stores.outbox, self.publisher, is_atomic=False
        )
        units = self.unit_of_work or SeparateSteps(steps)
        self.route = RouteMessage(
            unit_of_work=units,
            messages=stores.messages,
            outbox=stores.outbox,
            claim_check=BlobClaimCheck(MemoryBlobStore()),
            erase_context=self._erase_context,
            match_conversation=match,
            policy=RoutingPolicy(reply_delay=timedelta(0)),
            clock=self.clock,
            metrics=MemoryMetrics(),
        )
        self.move = MoveContext(stores.messages, stores.outbox, self.route, self.queue, self.clock)
        conversation, _ = stores.conversations.open_conversation(a_conversation())
        stores.messages.record(a_record())
        message = Routable(
            a_record(),
            MessageContext.of(an_inbound_message()),
            directory,
            a_tenant(),
            Deadline.after(),
        )
        units.run(lambda unit: self.route(unit, message, conversation), Deadline.after())

    def clock(self) -> datetime:
        return self.now

    def _erase_context(self, request_id: str) -> None:
        if isinstance(self.queue, SearchableQueue):
            self.queue.erase(request_id)

    def take(self, kind: QueueKind) -> Delivery:
        """The only context of a queue, which no other consumer sees from then on."""
        (delivery,) = self.queue.receive(replace(REPLIES, kind=kind), 10)
        return delivery

    def publications(self, kind: QueueKind) -> set[int]:
        """Those that are ready on a queue, for a consumer that is idempotent on them."""
        deliveries = self.queue.receive(replace(REPLIES, kind=kind), 10)
        assert set(request_ids(deliveries)) <= {REQUEST_ID}
        return {delivery.context.publication for delivery in deliveries}

    def backlog(self) -> int:
        """How many contexts wait on all queues, delivered or not."""
        return sum(depth.ready + depth.delayed + depth.in_flight for depth in self.queue.depths())


class CrashError(BaseException):
    """A process ends at once."""


class Crashing:
    """A port that ends the process before or after a call of one method."""

    def __init__(self, port: object, name: str, *, before: bool) -> None:
        self._port, self._name, self._before = port, name, before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name != self._name:
            return method

        def call(*arguments: Any) -> None:
            if not self._before:
                method(*arguments)
            raise CrashError(name)

        return call


STEPS = {
    "move": lambda desk, crash: replace(desk.move, outbox=crash(desk.stores.outbox)),
    "publish": lambda desk, crash: replace(
        desk.move, route_message=with_ports(desk.route, publisher=crash)
    ),
    "mark_queued": lambda desk, crash: replace(
        desk.move, route_message=with_ports(desk.route, outbox=crash)
    ),
    "acknowledge": lambda desk, crash: replace(desk.move, reader=crash(desk.queue)),
}
"""The use case with a port that crashes, by the method that it calls."""


class MoveContextContract:
    """Nothing is lost, and nothing comes twice under one publication."""

    @pytest.fixture
    def backend(self) -> tuple[Stores, ContextQueue]:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def desk(self, backend: tuple[Stores, ContextQueue]) -> Desk:
        stores, queue = backend
        return Desk(stores, queue, queue)

    def test_context_is_moved_to_the_human_and_back_and_to_the_human_again(
        self, desk: Desk
    ) -> None:
        taken = desk.take(TO_AI)
        assert taken.context.publication == 1
        for number, kind in enumerate((TO_HUMAN, TO_AI, TO_HUMAN, TO_AI), start=2):
            assert desk.move(taken.key, kind) is MoveOutcome.MOVED
            assert desk.backlog() == 1
            taken = desk.take(kind)
            assert taken.context.publication == number
            assert taken.context.request_id == REQUEST_ID
        assert desk.queue.acknowledge(taken.queue, taken.receipt)
        assert desk.backlog() == 0
        assert record_of(desk.stores).state is MessageState.QUEUED

    def test_moved_context_has_no_delay(self, desk: Desk) -> None:
        desk.move(desk.take(TO_AI).key, TO_HUMAN)
        slow = RoutingPolicy(reply_delay=timedelta(minutes=10))
        move = replace(desk.move, route_message=replace(desk.route, policy=slow))
        move(desk.take(TO_HUMAN).key, TO_AI)
        assert desk.publications(TO_AI) == {3}

    def test_concurrent_moves_of_one_context_publish_it_under_one_number(self, desk: Desk) -> None:
        taken = desk.take(TO_AI)
        outcomes = at_once([partial(desk.move, taken.key, TO_HUMAN)] * 8)
        assert set(outcomes) == {MoveOutcome.MOVED}
        assert desk.publications(TO_HUMAN) == {2}
        assert desk.publications(TO_AI) == set()
        assert record_of(desk.stores).state is MessageState.QUEUED

    def test_context_that_was_moved_on_is_only_acknowledged(self, desk: Desk) -> None:
        first = desk.take(TO_AI)
        deaf: Any = _Deaf()
        keep = replace(desk.move, reader=deaf)
        keep(first.key, TO_HUMAN)
        keep(desk.take(TO_HUMAN).key, TO_AI)
        assert desk.move(first.key, TO_HUMAN) is MoveOutcome.STALE
        assert record_of(desk.stores).publication == 3

    @pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
    @pytest.mark.parametrize("step", STEPS)
    def test_move_that_is_repeated_after_a_crash_goes_on(
        self, desk: Desk, step: str, *, before: bool
    ) -> None:
        taken = desk.take(TO_AI)
        crashing = STEPS[step](desk, lambda port: Crashing(port, step, before=before))
        with pytest.raises(CrashError):
            crashing(taken.key, TO_HUMAN)
        assert desk.move(taken.key, TO_HUMAN) is MoveOutcome.MOVED
        assert desk.publications(TO_HUMAN) == {2}
        assert desk.publications(TO_AI) == set()
        assert record_of(desk.stores).publication == 2
        assert record_of(desk.stores).state is MessageState.QUEUED

    @pytest.mark.parametrize("step", STEPS)
    def test_relay_finishes_a_move_that_crashed_on_the_queue_of_the_record(
        self, desk: Desk, step: str
    ) -> None:
        crashing = STEPS[step](desk, lambda port: Crashing(port, step, before=False))
        with pytest.raises(CrashError):
            crashing(desk.take(TO_AI).key, TO_HUMAN)
        desk.now += timedelta(minutes=1)
        for stuck in desk.stores.outbox.list_stuck(10, desk.now):
            assert desk.stores.outbox.take_lease(stuck, desk.now)
            desk.route.retry(stuck.leased(desk.now), Deadline.after())
        assert desk.publications(TO_HUMAN) == {2}
        assert record_of(desk.stores).state is MessageState.QUEUED

    def test_context_whose_queue_is_down_is_not_acknowledged(self, desk: Desk) -> None:
        taken = desk.take(TO_AI)
        down = replace(desk.move, route_message=with_ports(desk.route, publisher=lambda _: _Down()))
        with pytest.raises(QueueRoutingError):
            down(taken.key, TO_HUMAN)
        assert record_of(desk.stores).trail.failure == FailedAttempt(desk.now, "down")
        assert desk.backlog() == 1
        assert desk.move(taken.key, TO_HUMAN) is MoveOutcome.MOVED
        assert desk.publications(TO_HUMAN) == {2}

    def test_context_of_an_erased_message_is_acknowledged_and_published_nowhere(
        self, desk: Desk
    ) -> None:
        taken = desk.take(TO_AI)
        desk.stores.retention.erase(RetainedMessage.of(record_of(desk.stores)))
        assert desk.move(taken.key, TO_HUMAN) is MoveOutcome.ERASED
        assert desk.backlog() == 0

    def test_context_whose_message_is_erased_during_the_move_is_published_nowhere(
        self, desk: Desk
    ) -> None:
        taken = desk.take(TO_AI)
        retained = RetainedMessage.of(record_of(desk.stores))
        erase = partial(desk.stores.retention.erase, retained)
        move = replace(desk.move, outbox=_Interrupted(desk.stores.outbox, "move", erase))
        assert move(taken.key, TO_HUMAN) is MoveOutcome.ERASED
        assert desk.backlog() == 0

    def test_context_of_a_closed_conversation_becomes_unmatched(self, desk: Desk) -> None:
        taken = desk.take(TO_AI)
        desk.stores.retention.erase_conversation(a_conversation().key)
        desk.stores.conversations.open_conversation(a_conversation(conversation_status=CLOSED))
        for _ in range(2):
            assert desk.move(taken.key, TO_HUMAN) is MoveOutcome.UNMATCHED
        assert desk.backlog() == 0
        assert record_of(desk.stores).state is MessageState.UNMATCHED

    @pytest.mark.parametrize("changes", [{"request_id": "unknown"}, {"publication": 2}])
    def test_context_without_a_record_is_not_acknowledged(
        self, desk: Desk, changes: dict[str, Any]
    ) -> None:
        taken = replace(desk.take(TO_AI).key, **changes)
        with pytest.raises(ContextNotMovedError, match="no record of this context"):
            desk.move(taken, TO_HUMAN)
        assert desk.backlog() == 1

    @pytest.mark.parametrize("number", [1, 2])
    def test_context_that_was_not_delivered_by_the_named_queue_is_not_moved(
        self, desk: Desk, number: int
    ) -> None:
        taken = desk.take(TO_AI)
        queue = replace(REPLIES, channel=ChannelType.EMAIL)
        if number == 2:
            desk.move(taken.key, TO_HUMAN)
            taken, queue = desk.take(TO_HUMAN), REPLIES
        for kind in QueueKind:
            with pytest.raises(ContextNotMovedError):
                desk.move(replace(taken.key, queue=queue), kind)
        assert record_of(desk.stores).publication == number
        assert desk.backlog() == 1

    def test_context_is_not_moved_to_the_queue_that_it_is_on(self, desk: Desk) -> None:
        taken: DeliveryKey = desk.take(TO_AI).key
        with pytest.raises(ContextNotMovedError, match="sms-replies already"):
            desk.move(taken, TO_AI)
        assert record_of(desk.stores).publication == 1
        assert desk.backlog() == 1


class _Deaf:
    """A reader that acknowledges nothing."""

    def acknowledge(self, *_: object) -> bool:
        return False


class _Down(ContextPublisher):
    def publish(self, context: ContextObject, route: Route) -> None:
        raise QueueRoutingError("down")


class _Interrupted:
    """A port before whose method another process does something."""

    def __init__(self, port: object, name: str, meanwhile: Callable[[], object]) -> None:
        self._port, self._name, self._meanwhile = port, name, meanwhile

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._meanwhile()
        return getattr(self._port, name)
