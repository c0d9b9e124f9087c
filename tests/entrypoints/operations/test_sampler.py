"""A running server keeps a sample for each interval, and one more when it ends."""

from collections.abc import Iterator
from datetime import timedelta
from math import isnan
from pathlib import Path

import pytest
from dependency_injector import providers

from application.overview.sampled_numbers import COUNTERS, NAMES, received
from application.ports.sample_history import INTERVAL, Sample
from entrypoints.composition.container import Container, build_container, count_for_prometheus
from entrypoints.operations.sampler import Sampler
from tests.builders import NOW
from tests.contracts.context_queue import ManualClock
from tests.contracts.message_lists import numbered
from tests.infrastructure.configuration.test_settings import ON_AWS

RECORDED = NAMES.index(received("sms", "recorded"))
PENDING = NAMES.index("pending")


def started(environ: dict[str, str], clock: ManualClock) -> Container:
    """A server that has just been started."""
    container = build_container(environ)
    container.clock.override(providers.Object(clock))
    count_for_prometheus(container)
    return container


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def container(tmp_path: Path, clock: ManualClock) -> Iterator[Container]:
    container = started({"DATA_DIR": str(tmp_path)}, clock)
    yield container
    container.shutdown_resources()


def receive(container: Container, number: int = 1) -> None:
    container.metrics().count("WebhooksReceived", number, channel="sms", outcome="recorded")


def retained(container: Container) -> tuple[Sample, ...]:
    return container.operations().samples().since(NOW - timedelta(hours=1))


def test_sample_has_what_was_counted_and_what_waits(container: Container) -> None:
    container.stores().messages.record(numbered(1))
    receive(container, 3)
    Sampler(container)()
    (sample,) = retained(container)
    assert (sample.at, sample.started_at) == (NOW, NOW)
    assert (sample.numbers[RECORDED], sample.numbers[PENDING]) == (3, 1)


def test_one_sample_is_taken_in_each_interval(container: Container, clock: ManualClock) -> None:
    sampler = Sampler(container)
    for _ in range(12):
        sampler()
        clock.advance(seconds=10)
        receive(container)
    assert [sample.at for sample in retained(container)] == [NOW + INTERVAL * n for n in range(4)]
    assert [sample.numbers[RECORDED] for sample in retained(container)] == [0, 3, 6, 9]


def test_server_that_ends_keeps_what_came_since_the_last_sample(
    container: Container, clock: ManualClock
) -> None:
    container.stores().messages.record(numbered(1))
    sampler = Sampler(container)
    sampler()
    receive(container, 2)
    clock.advance(seconds=5)
    sampler.keep()
    (sample,) = retained(container)
    assert (sample.numbers[RECORDED], sample.numbers[PENDING]) == (2, 1)


def test_next_server_begins_with_zero_and_says_so(
    container: Container, clock: ManualClock, tmp_path: Path
) -> None:
    receive(container, 2)
    Sampler(container)()
    clock.advance(by=INTERVAL)
    after = started({"DATA_DIR": str(tmp_path)}, clock)
    Sampler(after)()
    first, second = retained(after)
    assert (first.started_at, second.started_at) == (NOW, NOW + INTERVAL)
    assert (first.numbers[RECORDED], second.numbers[RECORDED]) == (2, 0)
    after.shutdown_resources()


def test_store_that_does_not_answer_does_not_stop_the_counting(container: Container) -> None:
    container.stores.override(providers.Callable(_broken))
    receive(container)
    Sampler(container)()
    (sample,) = retained(container)
    assert sample.numbers[RECORDED] == 1
    assert isnan(sample.numbers[PENDING])


def test_nothing_is_read_before_the_start_checks_have_passed(container: Container) -> None:
    asked: list[str] = []
    container.stores.override(providers.Callable(asked.append, "store"))
    receive(container)
    Sampler(container, may_read=lambda: False)()
    (sample,) = retained(container)
    assert sample.numbers[RECORDED] == 1
    assert asked == []


def _broken() -> None:
    raise OSError("the disk is gone")


def test_on_aws_no_request_is_sent_for_a_sample(tmp_path: Path, clock: ManualClock) -> None:
    container = started({**ON_AWS, "DATA_DIR": str(tmp_path)}, clock)
    asked: list[str] = []
    container.stores.override(providers.Callable(asked.append, "store"))
    container.context_queue.override(providers.Callable(asked.append, "queue"))
    receive(container)
    Sampler(container)()
    (sample,) = retained(container)
    assert sample.numbers[RECORDED] == 1
    assert all(map(isnan, sample.numbers[len(COUNTERS) :]))
    assert asked == []
