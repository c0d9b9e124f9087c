"""The contract of ``Spool``, and that of embedded spools."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

import pytest

from application.ports.spool import (
    LONGEST_HIDDEN,
    SearchableSpool,
    Spool,
    SpoolDelivery,
    SpoolDepth,
    SpoolEntry,
    SpoolErasure,
    VisibleSpool,
)
from application.ports.webhook_parser import WebhookRequest
from domain.errors import SpoolFullError
from tests.builders import ACCOUNT, NOW, verified
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import ManualClock, PassingTime

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)

REQUEST = WebhookRequest(
    method="POST",
    url="https://example.com/webhooks/sms?a=1&b=%20",
    headers=(("content-type", "text/plain"), ("x-twice", "ü"), ("x-twice", "2")),
    body=b"\x00\xff binary \r\n",
    received_at=NOW,
)


def an_entry(
    name: str = "a1",
    *,
    request: WebhookRequest | None = None,
    account: str = ACCOUNT,
    **changes: Any,
) -> SpoolEntry:
    """Entry ``a1`` has the group ``a`` and was received 1 second after ``NOW``."""
    number = int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    received_at = NOW + number * SECOND
    entry = SpoolEntry(
        entry_id=name,
        group=name.removesuffix(str(number)),
        webhook=verified(request or replace(REQUEST, received_at=received_at), account),
        spooled_at=received_at + MOMENT,
    )
    return replace(entry, **changes)


def enqueue_all(spool: Spool, *names: str) -> None:
    """Enqueue an entry of each name, in this order."""
    for name in names:
        spool.enqueue(an_entry(name))


def names(deliveries: Iterable[SpoolDelivery]) -> list[str]:
    """The ids of the received entries, in their order."""
    return [delivery.entry.entry_id for delivery in deliveries]


class SpoolContract:
    """What a worker may rely on with every backend. Override ``spool`` and ``clock``.

    Its times are a second or longer, because SQS counts in whole seconds.
    """

    @pytest.fixture
    def clock(self) -> PassingTime:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def spool(self) -> Spool:
        raise NotImplementedError("a backend provides it")

    @pytest.mark.parametrize(
        "body", [REQUEST.body, b"", b"x" * 300_000], ids=["binary", "empty", "large"]
    )
    def test_spool_entry_is_received_as_it_was_enqueued(self, spool: Spool, body: bytes) -> None:
        entry = an_entry(request=replace(REQUEST, body=body))
        spool.enqueue(entry)
        (delivery,) = spool.receive(10, MINUTE)
        assert (delivery.entry, delivery.attempts) == (entry, 1)

    def test_new_spool_is_empty(self, spool: Spool) -> None:
        assert spool.receive(10, MINUTE) == ()
        assert spool.depth() == SpoolDepth(0, None)

    def test_only_the_oldest_entry_of_each_group_is_received(self, spool: Spool) -> None:
        enqueue_all(spool, "a1", "a2", "b3", "a4", "b5")
        assert names(spool.receive(10, MINUTE)) == ["a1", "b3"]
        assert spool.receive(10, MINUTE) == ()

    def test_next_entry_of_a_group_is_received_after_the_one_before_is_acknowledged(
        self, spool: Spool
    ) -> None:
        enqueue_all(spool, "a1", "a2", "a3")
        taken = []
        while deliveries := spool.receive(10, MINUTE):
            taken += names(deliveries)
            spool.acknowledge(deliveries[0])
        assert taken == ["a1", "a2", "a3"]

    def test_spool_delivers_no_more_than_the_limit(self, spool: Spool) -> None:
        enqueue_all(spool, "a1", "b2", "c3")
        assert names(spool.receive(2, MINUTE)) == ["a1", "b2"]
        assert names(spool.receive(2, MINUTE)) == ["c3"]

    def test_unacknowledged_entry_is_received_again_before_its_group_continues(
        self, spool: Spool, clock: PassingTime
    ) -> None:
        enqueue_all(spool, "a1", "a2")
        spool.receive(10, SECOND)
        assert spool.receive(10, SECOND) == ()
        clock.advance(seconds=1)
        (again,) = spool.receive(10, MINUTE)
        assert (again.entry.entry_id, again.attempts) == ("a1", 2)

    def test_released_entry_is_received_again_after_its_delay_before_its_group_continues(
        self, spool: Spool, clock: PassingTime
    ) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        first, other = spool.receive(10, MINUTE)
        spool.release(first, SECOND)
        spool.acknowledge(other)
        assert spool.receive(10, MINUTE) == ()
        clock.advance(seconds=1)
        (again,) = spool.receive(10, MINUTE)
        assert (again.entry.entry_id, again.attempts) == ("a1", 2)

    def test_entry_released_without_delay_is_received_at_once(self, spool: Spool) -> None:
        enqueue_all(spool, "a1")
        for attempt in (1, 2, 3):
            (delivery,) = spool.receive(10, MINUTE)
            assert delivery.attempts == attempt
            spool.release(delivery, timedelta(0))

    def test_acknowledged_entry_is_never_received_again(
        self, spool: Spool, clock: PassingTime
    ) -> None:
        enqueue_all(spool, "a1")
        (delivery,) = spool.receive(10, SECOND)
        spool.acknowledge(delivery)
        clock.advance(seconds=1)
        assert spool.receive(10, MINUTE) == ()
        assert spool.depth().entries == 0

    def test_acknowledge_and_release_of_an_earlier_delivery_do_not_affect_the_later_one(
        self, spool: Spool, clock: PassingTime
    ) -> None:
        enqueue_all(spool, "a1")
        (first,) = spool.receive(10, SECOND)
        clock.advance(seconds=1)
        (second,) = spool.receive(10, MINUTE)
        spool.acknowledge(first)
        spool.release(first, timedelta(0))
        assert spool.receive(10, MINUTE) == ()
        spool.release(second, timedelta(0))
        assert names(spool.receive(10, MINUTE)) == ["a1"]

    def test_acknowledging_an_entry_twice_changes_nothing(self, spool: Spool) -> None:
        enqueue_all(spool, "a1", "a2")
        (delivery,) = spool.receive(10, MINUTE)
        spool.acknowledge(delivery)
        spool.acknowledge(delivery)
        spool.release(delivery, timedelta(0))
        assert names(spool.receive(10, MINUTE)) == ["a2"]

    def test_entry_id_that_is_in_the_spool_is_enqueued_once(self, spool: Spool) -> None:
        again = an_entry("a1", request=replace(REQUEST, received_at=NOW + MINUTE))
        for entry in (an_entry("a1"), again):
            spool.enqueue(entry)
        assert spool.depth().entries == 1
        (delivery,) = spool.receive(10, MINUTE)
        spool.enqueue(again)
        spool.release(delivery, timedelta(0))
        (delivery,) = spool.receive(10, MINUTE)
        assert delivery.entry == an_entry("a1")
        assert spool.depth().entries == 1

    def test_concurrent_enqueues_of_one_entry_id_store_one_entry(self, spool: Spool) -> None:
        repetitions = [
            an_entry("a1", request=replace(REQUEST, received_at=NOW + number * SECOND))
            for number in range(8)
        ]
        at_once(partial(spool.enqueue, entry) for entry in repetitions)
        assert spool.depth().entries == 1

    def test_concurrent_workers_receive_each_spool_entry_once(self, spool: Spool) -> None:
        groups = "abcdefghijkl"
        at_once(partial(enqueue_all, spool, f"{group}1", f"{group}2") for group in groups)
        batches = at_once([partial(spool.receive, 3, MINUTE)] * 8)
        taken = [name for batch in batches for name in names(batch)]
        assert sorted(taken) == [f"{group}1" for group in groups]

    def test_spool_depth_counts_waiting_received_and_released_entries(self, spool: Spool) -> None:
        enqueue_all(spool, "a1", "a2", "b3", "c4")
        first, *_ = spool.receive(2, MINUTE)
        spool.release(first, MINUTE)
        assert spool.depth().entries == 4

    def test_repr_of_a_spool_delivery_does_not_show_the_webhook(self, spool: Spool) -> None:
        enqueue_all(spool, "a1")
        assert "binary" not in repr(spool.receive(10, MINUTE))


class EmbeddedSpool(Spool, SearchableSpool, VisibleSpool, Protocol):
    """A spool whose entries can be seen and searched."""


class EmbeddedSpoolContract(SpoolContract):
    """What embedded backends do in addition: exact times, the order of receipt, a limit.

    The limit of ``small_spool`` is three entries.
    """

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def small_spool(self) -> Spool:
        raise NotImplementedError("a backend provides it")

    def test_selected_entries_are_erased_whether_received_or_not(
        self, spool: EmbeddedSpool
    ) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        spool.receive(1, MINUTE)
        assert spool.erase(lambda entry: entry.group == "a") == SpoolErasure(2)
        assert spool.erase(lambda entry: entry.group == "a") == SpoolErasure(0)
        assert names(spool.receive(10, MINUTE)) == ["b3"]

    def test_look_shows_all_entries_and_takes_none(self, spool: EmbeddedSpool) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        spool.receive(1, MINUTE)
        seen = [(one.entry, one.attempts) for one in spool.look()]
        assert seen == [(an_entry("b3"), 0), (an_entry("a2"), 0), (an_entry("a1"), 1)]
        assert names(spool.receive(10, MINUTE)) == ["b3"]

    def test_look_leaves_out_what_is_gone_when_its_turn_comes(self, spool: EmbeddedSpool) -> None:
        enqueue_all(spool, "a1", "b2")
        looked = spool.look()
        next(looked)
        spool.erase(lambda entry: entry.entry_id == "a1")
        assert list(looked) == []

    def test_erased_spool_entry_can_be_enqueued_again(self, spool: EmbeddedSpool) -> None:
        enqueue_all(spool, "a1")
        spool.erase(lambda entry: entry == an_entry("a1"))
        enqueue_all(spool, "a1")
        assert names(spool.receive(10, MINUTE)) == ["a1"]

    def test_acknowledge_and_release_of_an_erased_entry_change_nothing(
        self, spool: EmbeddedSpool
    ) -> None:
        enqueue_all(spool, "a1")
        (delivery,) = spool.receive(1, MINUTE)
        spool.erase(lambda entry: True)
        spool.release(delivery, MINUTE)
        spool.acknowledge(delivery)
        assert spool.depth().entries == 0

    def test_depth_tells_the_attempts_of_what_was_taken_most_often(
        self, spool: EmbeddedSpool, clock: ManualClock
    ) -> None:
        enqueue_all(spool, "a1", "a2", "b3")
        for _ in range(2):
            spool.receive(1, MINUTE)
            clock.advance(by=MINUTE)
        assert spool.depth().attempts == 2

    def test_look_shows_why_the_latest_attempt_failed_and_when_the_next_one_is(
        self, spool: EmbeddedSpool, clock: ManualClock
    ) -> None:
        spool.enqueue(an_entry("a1", reason="why it came here"))
        (seen,) = spool.look()
        assert seen.reason == "why it came here"
        for reason in ("first", "the store does not answer: database is locked"):
            (delivery,) = spool.receive(1, MINUTE)
            spool.release(delivery, MINUTE, reason)
            clock.advance(by=MINUTE)
        (seen,) = spool.look()
        assert (seen.reason, seen.hidden_until) == (reason, clock())
        (again,) = spool.receive(1, MINUTE)
        (seen,) = spool.look()
        assert (seen.reason, seen.attempts) == (reason, 3)
        spool.acknowledge(again)
        assert list(spool.look()) == []

    def test_oldest_entry_of_a_group_is_the_one_received_first_from_the_provider(
        self, spool: Spool
    ) -> None:
        enqueue_all(spool, "b3", "a2", "c4", "a1")
        assert names(spool.receive(10, MINUTE)) == ["a1", "b3", "c4"]

    def test_received_entry_is_hidden_exactly_as_long_as_requested(
        self, spool: Spool, clock: ManualClock
    ) -> None:
        enqueue_all(spool, "a1")
        (delivery,) = spool.receive(10, MINUTE)
        clock.advance(by=MINUTE - MOMENT)
        assert spool.receive(10, MINUTE) == ()
        spool.release(delivery, MINUTE)
        clock.advance(by=MINUTE - MOMENT)
        assert spool.receive(10, MINUTE) == ()
        clock.advance(by=MOMENT)
        assert names(spool.receive(10, MINUTE)) == ["a1"]

    def test_new_entry_is_received_although_the_clock_was_set_back(
        self, spool: Spool, clock: ManualClock
    ) -> None:
        enqueue_all(spool, "a1")
        clock.advance(by=timedelta(days=-1))
        assert names(spool.receive(10, MINUTE)) == ["a1"]

    def test_clock_set_back_does_not_hide_entries_for_long(
        self, spool: Spool, clock: ManualClock
    ) -> None:
        enqueue_all(spool, "a1", "b2")
        (released,) = spool.receive(1, MINUTE)
        spool.release(released, LONGEST_HIDDEN)
        spool.receive(1, LONGEST_HIDDEN)
        assert spool.receive(10, MINUTE) == ()
        clock.advance(by=timedelta(days=-1))
        assert names(spool.receive(10, MINUTE)) == ["a1", "b2"]

    def test_late_worker_can_acknowledge_an_entry_that_no_other_worker_received(
        self, spool: Spool, clock: ManualClock
    ) -> None:
        enqueue_all(spool, "a1")
        (delivery,) = spool.receive(10, SECOND)
        clock.advance(by=MINUTE)
        spool.acknowledge(delivery)
        assert spool.depth() == SpoolDepth(0, None)

    def test_spool_depth_has_the_time_when_the_oldest_webhook_was_received(
        self, spool: Spool
    ) -> None:
        enqueue_all(spool, "b3", "a1", "a2")
        spool.receive(10, MINUTE)
        assert spool.depth() == SpoolDepth(3, NOW + SECOND, attempts=1)

    def test_acknowledged_entry_can_be_enqueued_again(self, spool: Spool) -> None:
        for _ in range(2):
            enqueue_all(spool, "a1")
            (delivery,) = spool.receive(10, MINUTE)
            spool.acknowledge(delivery)

    def test_full_spool_refuses_a_new_entry_and_retains_the_others(
        self, small_spool: Spool
    ) -> None:
        enqueue_all(small_spool, "a1", "b2", "c3")
        with pytest.raises(SpoolFullError, match="3 entries"):
            enqueue_all(small_spool, "d4")
        assert names(small_spool.receive(10, MINUTE)) == ["a1", "b2", "c3"]

    def test_full_spool_accepts_an_entry_id_that_it_already_has(self, small_spool: Spool) -> None:
        enqueue_all(small_spool, "a1", "b2", "c3", "a1")
        assert small_spool.depth().entries == 3

    def test_acknowledged_entry_makes_room_in_a_full_spool(self, small_spool: Spool) -> None:
        enqueue_all(small_spool, "a1", "b2", "c3")
        small_spool.acknowledge(small_spool.receive(1, MINUTE)[0])
        enqueue_all(small_spool, "d4")
        assert small_spool.depth().entries == 3
