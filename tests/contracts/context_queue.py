"""The contract of ``ContextPublisher`` and ``ContextReader``, and that of embedded queues."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, cast

import pytest

from application.ports.context_queue import (
    ContextPublisher,
    ContextReader,
    DelayedReader,
    Delivery,
    QueueDepth,
    SearchableQueue,
    VisibleQueue,
    WaitingContext,
)
from application.ports.pages import Page, each_item
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.errors import InvalidCursorError
from domain.queues import ALL_QUEUES, QueueKind, QueueName
from domain.routing import Route
from tests.builders import NOW, a_conversation, a_record, a_tenant
from tests.contracts.concurrency import at_once
from tests.contracts.cursors import WRONG_CURSORS

REPLIES = QueueName(ChannelType.SMS, QueueKind.REPLIES)
HANDOFF = QueueName(ChannelType.SMS, QueueKind.HANDOFF)
AT_ONCE = Route(REPLIES, timedelta(0))
DELAYED = Route(REPLIES, timedelta(seconds=30))
MOMENT = timedelta(microseconds=1)


class ContextQueue(ContextPublisher, ContextReader, Protocol):
    """Both sides of one backend."""


class EmbeddedQueue(ContextQueue, DelayedReader, SearchableQueue, VisibleQueue, Protocol):
    """What an embedded backend can do besides."""


class PassingTime(Protocol):
    """How a test lets time pass: it sets its own clock, or it waits."""

    def advance(self, *, seconds: float) -> None:
        """Return when these seconds have passed."""


class ManualClock(PassingTime):
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, *, seconds: float = 0, by: timedelta = timedelta(0)) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds) + by


class RealTime(PassingTime):
    """The time of a backend whose clock cannot be set."""

    def advance(self, *, seconds: float) -> None:
        """Wait for the seconds and a little longer."""
        time.sleep(seconds + 0.05)


def a_context(request_id: str = "request-1", **message: object) -> ContextObject:
    """The context of a message; ``message`` changes its parts."""
    context = ContextObject.of(a_record(), a_conversation(), a_tenant(), NOW)
    context = replace(context, request_id=request_id)
    return replace(context, message=replace(context.message, **message))  # type: ignore[arg-type]


def request_ids(deliveries: tuple[Delivery, ...]) -> list[str]:
    """The request ids of the delivered contexts, in their order."""
    return [delivery.context.request_id for delivery in deliveries]


def depth_of(queue: ContextReader, name: QueueName = REPLIES) -> QueueDepth:
    """The depth of one queue."""
    return next(depth for depth in queue.depths() if depth.queue == name)


class ContextQueueContract:
    """What consumers may rely on with every backend. Override ``queue`` and ``clock``.

    Its times are a second or longer, because SQS counts in whole seconds.
    """

    @pytest.fixture
    def clock(self) -> PassingTime:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def queue(self) -> ContextQueue:
        raise NotImplementedError("a backend provides it")

    def test_context_is_received_as_it_was_published(self, queue: ContextQueue) -> None:
        context = a_context(
            body="Grüße 🚚\n\u0000\x1b\x7f\ufffe\uffff\U0001ffff",
            metadata={"media": [{"n": 1, "x": None}], "\uffff": "\ufffe"},
        )
        queue.publish(context, AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 10)
        assert (delivery.queue, delivery.receive_count) == (REPLIES, 1)
        assert delivery.context == context

    def test_empty_queue_delivers_no_context(self, queue: ContextQueue) -> None:
        assert queue.receive(REPLIES, 10) == ()

    def test_context_is_only_on_the_queue_of_its_route(self, queue: ContextQueue) -> None:
        queue.publish(a_context(), Route(HANDOFF, timedelta(0)))
        others = [name for name in ALL_QUEUES if name != HANDOFF]
        assert [queue.receive(name, 10) for name in others] == [()] * 5
        assert request_ids(queue.receive(HANDOFF, 10)) == ["request-1"]

    def test_context_queue_delivers_no_more_than_the_limit(self, queue: ContextQueue) -> None:
        for number in range(14):
            queue.publish(a_context(f"request-{number}"), AT_ONCE)
        assert len(queue.receive(REPLIES, 3)) == 3
        assert len(queue.receive(REPLIES, 20)) == 11

    def test_delayed_context_is_delivered_when_its_delay_is_over(
        self, queue: ContextQueue, clock: PassingTime
    ) -> None:
        queue.publish(a_context(), Route(REPLIES, timedelta(seconds=1)))
        assert queue.receive(REPLIES, 10) == ()
        clock.advance(seconds=1)
        assert request_ids(queue.receive(REPLIES, 10)) == ["request-1"]

    def test_delivered_context_is_hidden_and_delivered_again_unless_acknowledged(
        self, queue: ContextQueue, clock: PassingTime
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        queue.receive(REPLIES, 10, visibility=timedelta(seconds=1))
        assert queue.receive(REPLIES, 10) == ()
        clock.advance(seconds=1)
        (again,) = queue.receive(REPLIES, 10)
        assert (again.context.request_id, again.receive_count) == ("request-1", 2)

    def test_acknowledged_context_is_never_delivered_again(
        self, queue: ContextQueue, clock: PassingTime
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 10, visibility=timedelta(seconds=1))
        assert queue.acknowledge(REPLIES, delivery.receipt)
        clock.advance(seconds=1)
        assert queue.receive(REPLIES, 10) == ()

    def test_late_acknowledgement_counts_until_another_consumer_has_the_context(
        self, queue: ContextQueue, clock: PassingTime
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 10, visibility=timedelta(seconds=1))
        clock.advance(seconds=1)
        assert queue.acknowledge(REPLIES, delivery.receipt)
        assert queue.receive(REPLIES, 10) == ()

    def test_receipt_is_valid_only_on_its_own_queue(self, queue: ContextQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 10)
        assert not queue.acknowledge(HANDOFF, delivery.receipt)
        assert queue.acknowledge(REPLIES, delivery.receipt)

    @pytest.mark.parametrize("receipt", ["", "unknown", "1-0", "1", "-", "1-1-1", "1-1 "])
    def test_unknown_receipt_is_refused(self, queue: ContextQueue, receipt: str) -> None:
        queue.publish(a_context(), AT_ONCE)
        assert not queue.acknowledge(REPLIES, receipt)

    def test_queue_depth_counts_ready_delayed_and_in_flight_contexts(
        self, queue: ContextQueue
    ) -> None:
        queue.publish(a_context("request-1"), AT_ONCE)
        queue.publish(a_context("request-2"), AT_ONCE)
        queue.publish(a_context("request-3"), AT_ONCE)
        queue.publish(a_context("request-4"), DELAYED)
        queue.receive(REPLIES, 1)
        depth = depth_of(queue)
        assert (depth.ready, depth.delayed, depth.in_flight) == (2, 1, 1)

    def test_each_publication_of_a_request_id_is_a_context_of_its_own(
        self, queue: ContextQueue
    ) -> None:
        for publication in (1, 2):
            queue.publish(replace(a_context(), publication=publication), AT_ONCE)
        deliveries = queue.receive(REPLIES, 10)
        assert sorted(one.context.publication for one in deliveries) == [1, 2]
        assert len({one.receipt for one in deliveries}) == 2
        assert all(queue.acknowledge(REPLIES, one.receipt) for one in deliveries)

    def test_every_empty_queue_is_listed_with_depth_zero(self, queue: ContextQueue) -> None:
        assert queue.depths() == tuple(QueueDepth(name, 0, 0, 0, None) for name in ALL_QUEUES)

    def test_acknowledged_context_is_not_counted_in_the_depth(self, queue: ContextQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 1)
        queue.acknowledge(REPLIES, delivery.receipt)
        assert depth_of(queue) == QueueDepth(REPLIES, 0, 0, 0, None)

    def test_receive_without_hiding_shows_each_context_once(self, queue: ContextQueue) -> None:
        for name in ("request-1", "request-2"):
            queue.publish(a_context(name), AT_ONCE)
        looked = queue.receive(REPLIES, 10, visibility=timedelta(0))
        assert sorted(request_ids(looked)) == ["request-1", "request-2"]
        assert depth_of(queue).ready == 2

    def test_changing_a_context_outside_the_queue_does_not_change_it_inside(
        self, queue: ContextQueue
    ) -> None:
        metadata: dict[str, object] = {"a": 1}
        queue.publish(a_context(metadata=metadata), AT_ONCE)
        metadata["put"] = "in"
        (first,) = queue.receive(REPLIES, 1, visibility=timedelta(0))
        cast(dict[str, object], first.context.message.metadata)["got"] = "out"
        (second,) = queue.receive(REPLIES, 1)
        assert second.context.message.metadata == {"a": 1}


class CompetingConsumersContract:
    """Concurrent consumers, on every backend that is a server or a file."""

    def test_concurrent_consumers_receive_each_context_once(self, queue: ContextQueue) -> None:
        published = [f"request-{number}" for number in range(16)]
        at_once(partial(queue.publish, a_context(name), AT_ONCE) for name in published)
        batches = at_once([partial(queue.receive, REPLIES, 3)] * 8)
        taken = [name for batch in batches for name in request_ids(batch)]
        assert sorted(taken) == sorted(published)


class VisibleQueueContract:
    """What waits is shown, and stays as it is."""

    def looked_at(self, queue: EmbeddedQueue, size: int = 10) -> list[str]:
        """The request ids of all that waits, in pages of ``size``."""
        pages = each_item(lambda cursor: queue.look(REPLIES, size, after=cursor))
        return [waiting.context.request_id for waiting in pages]

    def test_context_is_shown_with_its_times_and_not_taken(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context(), DELAYED)
        waiting = WaitingContext(REPLIES, a_context(), NOW, NOW + DELAYED.delay, 0)
        for _ in range(2):
            assert queue.look(REPLIES, 10).items == (waiting,)
            assert queue.locate("request-1") == (waiting,)
        clock.advance(seconds=30)
        (delivery,) = queue.receive(REPLIES, 10)
        assert delivery.receive_count == 1

    def test_delivered_context_is_shown_with_its_receive_count(self, queue: EmbeddedQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        queue.receive(REPLIES, 1, visibility=timedelta(seconds=60))
        hidden_until = NOW + timedelta(seconds=60)
        waiting = WaitingContext(REPLIES, a_context(), NOW, hidden_until, 1)
        assert queue.look(REPLIES, 10).items == (waiting,)
        assert queue.locate("request-1") == (waiting,)

    @pytest.mark.parametrize("size", [1, 2, 3, 10])
    def test_pages_show_every_context_once_in_the_order_of_delivery(
        self, queue: EmbeddedQueue, size: int
    ) -> None:
        queue.publish(a_context("delayed"), DELAYED)
        for number in range(4):
            queue.publish(a_context(f"request-{number}"), AT_ONCE)
        queue.publish(a_context("other"), Route(HANDOFF, timedelta(0)))
        names = [f"request-{number}" for number in range(4)]
        assert self.looked_at(queue, size) == [*names, "delayed"]

    def test_page_continues_after_a_context_that_was_acknowledged(
        self, queue: EmbeddedQueue
    ) -> None:
        for number in range(3):
            queue.publish(a_context(f"request-{number}"), AT_ONCE)
        page = queue.look(REPLIES, 1)
        (delivery,) = queue.receive(REPLIES, 1)
        queue.acknowledge(REPLIES, delivery.receipt)
        rest = queue.look(REPLIES, 10, after=page.cursor).items
        assert [waiting.context.request_id for waiting in rest] == ["request-1", "request-2"]

    def test_acknowledged_and_erased_contexts_are_not_shown(self, queue: EmbeddedQueue) -> None:
        for request_id in ("request-1", "request-2"):
            queue.publish(a_context(request_id), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 1)
        queue.acknowledge(REPLIES, delivery.receipt)
        queue.erase("request-2")
        assert queue.look(REPLIES, 10) == Page((), None)
        assert queue.locate("request-1") == queue.locate("request-2") == ()

    def test_every_publication_of_a_message_is_located(self, queue: EmbeddedQueue) -> None:
        queue.publish(replace(a_context(), publication=2), Route(HANDOFF, timedelta(0)))
        queue.publish(a_context(), AT_ONCE)
        queue.publish(a_context("request-2"), AT_ONCE)
        places = [(one.queue, one.context.publication) for one in queue.locate("request-1")]
        assert places == [(REPLIES, 1), (HANDOFF, 2)]
        assert queue.locate("unknown") == ()

    @pytest.mark.parametrize("cursor", WRONG_CURSORS)
    def test_wrong_cursor_of_a_look_is_refused(self, queue: EmbeddedQueue, cursor: str) -> None:
        with pytest.raises(InvalidCursorError):
            queue.look(REPLIES, 1, after=cursor)

    def test_cursor_of_another_queue_is_refused(self, queue: EmbeddedQueue) -> None:
        for name in ("request-1", "request-2"):
            queue.publish(a_context(name), AT_ONCE)
        cursor = queue.look(REPLIES, 1).cursor
        assert cursor is not None
        with pytest.raises(InvalidCursorError):
            queue.look(HANDOFF, 1, after=cursor)


class EmbeddedQueueContract(VisibleQueueContract, CompetingConsumersContract, ContextQueueContract):
    """What embedded backends do in addition.

    They have an order, exact times, receipts for one delivery, and ids that are never published
    twice, and they show delayed contexts.
    """

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    def test_delay_of_a_context_ends_at_the_exact_moment(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context(), DELAYED)
        clock.advance(by=DELAYED.delay - MOMENT)
        assert queue.receive(REPLIES, 10) == ()
        clock.advance(by=MOMENT)
        assert request_ids(queue.receive(REPLIES, 10)) == ["request-1"]

    def test_acknowledged_context_is_remembered_with_its_queue(self, queue: EmbeddedQueue) -> None:
        for route in (Route(HANDOFF, timedelta(0)), AT_ONCE):
            queue.publish(a_context(), route)
        assert queue.acknowledged("request-1") == ()
        (delivery,) = queue.receive(HANDOFF, 1)
        queue.acknowledge(HANDOFF, delivery.receipt)
        assert queue.acknowledged("request-1") == (HANDOFF,)
        assert [one.queue for one in queue.locate("request-1")] == [REPLIES]

    def test_erased_context_is_on_no_queue_whether_delivered_or_not(
        self, queue: EmbeddedQueue
    ) -> None:
        for request_id in ("request-1", "request-2"):
            queue.publish(a_context(request_id), AT_ONCE)
            queue.publish(a_context(request_id), Route(HANDOFF, timedelta(0)))
        queue.receive(REPLIES, 10)
        assert queue.erase("request-1") == 2
        assert queue.erase("request-1") == 0
        assert request_ids(queue.receive(HANDOFF, 10)) == ["request-2"]
        assert sum(depth.ready + depth.in_flight for depth in queue.depths()) == 2

    def test_contexts_are_found_by_channel_and_sender_whether_delivered_or_not(
        self, queue: EmbeddedQueue
    ) -> None:
        ana, bob, cyd = "+14155550123", "+14155550199", 'cyd"\\+x@example.com'
        for number, sender in enumerate((ana, ana, bob, cyd)):
            queue.publish(a_context(f"request-{number}", sender=sender), AT_ONCE)
        queue.publish(a_context("request-0", sender=ana), Route(HANDOFF, timedelta(0)))
        queue.receive(REPLIES, 1)
        sms = ChannelType.SMS
        assert queue.find(sms, [ana]) == ("request-0", "request-1")
        assert queue.find(sms, ["+1", bob, cyd]) == ("request-2", "request-3")
        assert queue.find(ChannelType.WHATSAPP, [ana, bob, cyd]) == ()
        assert queue.find(sms, []) == ()

    def test_acknowledged_and_erased_contexts_are_not_found(self, queue: EmbeddedQueue) -> None:
        for request_id in ("request-1", "request-2"):
            queue.publish(a_context(request_id), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 1)
        queue.acknowledge(REPLIES, delivery.receipt)
        queue.erase("request-2")
        assert queue.find(ChannelType.SMS, [delivery.context.message.sender]) == ()

    def test_every_publication_of_a_request_id_is_erased(self, queue: EmbeddedQueue) -> None:
        for publication in (1, 2):
            queue.publish(replace(a_context(), publication=publication), AT_ONCE)
        assert queue.find(ChannelType.SMS, ["+14155550123"]) == ("request-1",)
        assert queue.erase("request-1") == 2
        assert queue.receive(REPLIES, 10) == ()

    def test_publication_after_an_acknowledged_one_is_delivered(self, queue: EmbeddedQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        (first,) = queue.receive(REPLIES, 10)
        queue.acknowledge(REPLIES, first.receipt)
        for _ in range(2):
            queue.publish(replace(a_context(), publication=3), AT_ONCE)
        assert [one.context.publication for one in queue.receive(REPLIES, 10)] == [3]

    def test_erased_context_is_not_published_again(self, queue: EmbeddedQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        queue.erase("request-1")
        queue.publish(a_context(), AT_ONCE)
        assert queue.receive(REPLIES, 10) == ()

    def test_delivered_context_is_hidden_exactly_as_long_as_requested(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        queue.receive(REPLIES, 10, visibility=timedelta(seconds=5))
        clock.advance(by=timedelta(seconds=5) - MOMENT)
        assert queue.receive(REPLIES, 10) == ()
        clock.advance(by=MOMENT)
        assert request_ids(queue.receive(REPLIES, 10)) == ["request-1"]

    def test_receipt_of_an_earlier_delivery_is_refused(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        (first,) = queue.receive(REPLIES, 10, visibility=timedelta(seconds=5))
        clock.advance(seconds=5)
        (second,) = queue.receive(REPLIES, 10)
        assert not queue.acknowledge(REPLIES, first.receipt)
        assert queue.acknowledge(REPLIES, second.receipt)

    def test_receipt_is_valid_once(self, queue: EmbeddedQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 10)
        assert queue.acknowledge(REPLIES, delivery.receipt)
        assert not queue.acknowledge(REPLIES, delivery.receipt)

    def test_queue_depth_has_the_time_of_the_oldest_context(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context("request-1"), AT_ONCE)
        clock.advance(seconds=1)
        queue.publish(a_context("request-2"), AT_ONCE)
        queue.receive(REPLIES, 1)
        assert depth_of(queue).oldest_at == NOW

    def test_queue_depth_has_the_time_until_which_a_taken_context_is_held(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        for name, route in (("request-1", AT_ONCE), ("request-2", AT_ONCE), ("3", DELAYED)):
            queue.publish(a_context(name), route)
        assert depth_of(queue).held_until is None
        for minutes in (90, 1):
            queue.receive(REPLIES, 1, visibility=timedelta(minutes=minutes))
        assert depth_of(queue).held_until == NOW + timedelta(minutes=90)
        clock.advance(by=timedelta(minutes=90))
        assert depth_of(queue).held_until is None

    def test_contexts_are_delivered_in_the_order_of_publishing(self, queue: EmbeddedQueue) -> None:
        names = ["request-2", "request-3", "request-1"]
        for name in names:
            queue.publish(a_context(name), AT_ONCE)
        assert request_ids(queue.receive(REPLIES, 10)) == names

    def test_context_that_became_visible_first_is_delivered_first(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context("delayed"), DELAYED)
        clock.advance(seconds=1)
        queue.publish(a_context("at once"), AT_ONCE)
        clock.advance(seconds=60)
        queue.publish(a_context("later"), AT_ONCE)
        assert request_ids(queue.receive(REPLIES, 10)) == ["at once", "delayed", "later"]

    def test_second_publish_of_a_request_id_is_ignored(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        queue.publish(a_context(body="first"), DELAYED)
        queue.publish(a_context(body="second"), AT_ONCE)
        clock.advance(seconds=30)
        (delivery,) = queue.receive(REPLIES, 10)
        assert delivery.context.message.body == "first"

    def test_publish_is_ignored_when_the_context_was_already_acknowledged(
        self, queue: EmbeddedQueue
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        (delivery,) = queue.receive(REPLIES, 10)
        queue.acknowledge(REPLIES, delivery.receipt)
        queue.publish(a_context(), AT_ONCE)
        assert depth_of(queue) == QueueDepth(REPLIES, 0, 0, 0, None)

    def test_same_request_id_is_published_once_on_each_queue(self, queue: EmbeddedQueue) -> None:
        queue.publish(a_context(), AT_ONCE)
        queue.publish(a_context(), Route(HANDOFF, timedelta(0)))
        assert request_ids(queue.receive(HANDOFF, 10)) == ["request-1"]

    def test_concurrent_publishes_of_one_request_id_store_one_context(
        self, queue: EmbeddedQueue
    ) -> None:
        at_once([partial(queue.publish, a_context(), AT_ONCE)] * 16)
        assert depth_of(queue).ready == 1

    def test_delayed_contexts_are_delivered_early_when_included(self, queue: EmbeddedQueue) -> None:
        queue.publish(a_context("delayed"), DELAYED)
        queue.publish(a_context("ready"), AT_ONCE)
        taken = queue.receive_with_delayed(REPLIES, 10)
        assert request_ids(taken) == ["ready", "delayed"]

    def test_context_that_was_seen_is_taken_alone(
        self, queue: EmbeddedQueue, clock: ManualClock
    ) -> None:
        for name, route in (("first", AT_ONCE), ("ready", AT_ONCE), ("delayed", DELAYED)):
            queue.publish(a_context(name), route)
        for name in ("ready", "delayed"):
            taken = queue.take(REPLIES, name, 1)
            assert taken is not None
            assert taken.context.request_id == name
            assert queue.take(REPLIES, name, 1) is None  # a consumer has it
        assert request_ids(queue.receive_with_delayed(REPLIES, 10)) == ["first"]
        clock.advance(seconds=30)
        again = queue.take(REPLIES, "ready", 1)
        assert again is not None
        assert again.receive_count == 2
        assert queue.acknowledge(REPLIES, again.receipt)
        assert queue.take(REPLIES, "ready", 1) is None

    def test_context_is_not_taken_by_another_queue_or_publication(
        self, queue: EmbeddedQueue
    ) -> None:
        queue.publish(a_context(), AT_ONCE)
        assert queue.take(HANDOFF, "request-1", 1) is None
        assert queue.take(REPLIES, "request-1", 2) is None
        assert queue.take(REPLIES, "request-2", 1) is None
        assert depth_of(queue).ready == 1

    def test_delivered_context_is_not_delivered_again_with_delayed_ones(
        self, queue: EmbeddedQueue
    ) -> None:
        queue.publish(a_context(), DELAYED)
        queue.receive_with_delayed(REPLIES, 10)
        assert queue.receive_with_delayed(REPLIES, 10) == ()
