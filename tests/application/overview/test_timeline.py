"""What samples tell: restarts and gaps do not look like traffic, and nothing is counted twice."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import nan

import pytest

from application.overview.durations import quantile
from application.overview.sampled_numbers import (
    COUNTERS,
    GAUGES,
    NAMES,
    counters_of,
    gauges_of,
    numbers_of,
    received,
)
from application.overview.timeline import SPANS, Span, Timeline, timeline_of
from application.ports.metrics import DURATION_BOUNDS, CountedSeries, Reading
from application.ports.sample_history import Sample

NOW = datetime.fromisoformat("2026-03-04T12:00:00Z")
STEP = timedelta(seconds=30)
RECORDED = received("sms", "recorded")
HOUR = Span(1, 30)


def a_sample(
    at: datetime, started_at: datetime, total: float, waiting: Mapping[str, float] | None = None
) -> Sample:
    """A sample of a server that has recorded ``total`` SMS since its start."""
    counters = [total if name == RECORDED else 0.0 for name in COUNTERS]
    return Sample(at, started_at, numbers_of(counters, waiting or {}))


def timeline(*samples: Sample) -> Timeline:
    return timeline_of(samples, HOUR, NOW)[0]


def shown(values: list[float | None]) -> dict[int, float]:
    """The values that are known, by how many steps ago they were."""
    return {len(values) - 1 - place: value for place, value in enumerate(values) if value}


LONG_AGO = NOW - timedelta(days=3)


def test_counters_show_by_how_much_they_grew() -> None:
    samples = [a_sample(NOW - STEP * ago, LONG_AGO, 1000 - 5 * ago) for ago in range(10, 0, -1)]
    counted = timeline(*samples).counted([RECORDED])
    assert shown(counted) == dict.fromkeys(range(2, 11), 5.0)


def test_server_of_before_says_by_its_first_sample_only_where_it_stood() -> None:
    assert timeline(a_sample(NOW - STEP, LONG_AGO, 1_000_000)).total(RECORDED) == 0


def test_counters_that_begin_again_are_not_negative_and_lose_nothing() -> None:
    restarted = NOW - STEP * 5 + timedelta(seconds=10)
    samples = (
        a_sample(NOW - STEP * 7, LONG_AGO, 100),
        a_sample(NOW - STEP * 6, LONG_AGO, 104),
        a_sample(NOW - STEP * 4, restarted, 3),
        a_sample(NOW - STEP * 3, restarted, 5),
    )
    counted = timeline(*samples).counted([RECORDED])
    assert sum(filter(None, counted)) == 4 + 3 + 2
    assert min(value for value in counted if value is not None) == 0


def test_time_without_a_server_is_a_gap_and_not_zero() -> None:
    ended, started = NOW - STEP * 40, NOW - STEP * 20
    counted = timeline(
        a_sample(ended - STEP * 10, LONG_AGO, 10),
        a_sample(ended, LONG_AGO, 10),
        a_sample(started + STEP * 5, started, 0),
    ).counted([RECORDED])
    known = [120 - place for place, value in enumerate(counted) if value is not None]
    assert known == [*range(50, 39, -1), *range(20, 14, -1)]


def test_two_servers_with_one_directory_are_added_up() -> None:
    samples = [
        a_sample(NOW - STEP * ago, LONG_AGO + timedelta(seconds=ago % 2), 100 - ago)
        for ago in range(20, 0, -1)
    ]
    # Each is in every second interval: what it counted between two samples is counted once.
    assert timeline(*samples).total(RECORDED) == 2 * 18


def test_live_step_counts_what_came_since_the_last_sample() -> None:
    base, growths = timeline_of([a_sample(NOW - STEP, LONG_AGO, 7)], HOUR, NOW)
    live = base.copy()
    live.grow(growths.look_ahead(a_sample(NOW, LONG_AGO, 9)), NOW)
    assert live.counted([RECORDED])[-1] == 2
    assert base.total(RECORDED) == 0


def test_server_without_any_sample_counts_since_its_start() -> None:
    base, growths = timeline_of([], HOUR, NOW)
    base.grow(growths.look_ahead(a_sample(NOW, NOW - timedelta(seconds=3), 2)), NOW)
    assert base.counted([RECORDED])[-1] == 2


def test_longest_span_has_what_every_sample_counted() -> None:
    started = NOW - timedelta(hours=23)
    samples = [a_sample(started + STEP * n, started, n) for n in range(1, 2700)]
    found, _ = timeline_of(samples, SPANS[24], NOW)
    assert found.total(RECORDED) == 2699
    assert found.total(RECORDED, within=timedelta(hours=1)) == pytest.approx(60, abs=20)


def test_greatest_number_of_a_step_shows_what_waited() -> None:
    at = NOW - STEP * 3
    found = timeline(
        a_sample(at, LONG_AGO, 0, {"spool": 4, "pending": 1}),
        a_sample(at + timedelta(seconds=20), LONG_AGO, 0, {"spool": 2}),
    )
    assert shown(found.waited(["spool"])) == {3: 4.0}
    assert shown(found.waited(["spool", "pending"])) == {3: 5.0}
    assert shown(found.waited(["spool", "pending"], greatest=True)) == {3: 4.0}
    assert shown(found.waited(["unmatched"])) == {}


def test_numbers_come_from_what_was_counted_and_read() -> None:
    durations = [1.5, *[0.0] * len(DURATION_BOUNDS), 2.0]
    counters = counters_of(
        [
            CountedSeries("WebhooksReceived", {"channel": "sms", "outcome": "recorded"}, [4.0]),
            CountedSeries("WebhooksReceived", {"channel": "fax", "outcome": "recorded"}, [9.0]),
            CountedSeries("ProcessingMilliseconds", {"channel": "sms"}, durations),
            CountedSeries("ProcessingMilliseconds", {"channel": "email"}, durations),
            CountedSeries("Errors", {"type": "OverloadedError"}, [1.0]),
            CountedSeries("Errors", {"type": "SecretsUnavailableError"}, [2.0]),
            CountedSeries("CommitGroupSize", {}, [1.0] * 9),
        ]
    )
    found = {name: value for name, value in zip(COUNTERS, counters, strict=True) if value}
    assert found == {RECORDED: 4.0, "longer": 4.0, "errors": 3.0}
    gauges = gauges_of(
        [
            Reading("queue_contexts", 2, {"queue": "sms-replies", "state": "ready"}),
            Reading("queue_contexts", 3, {"queue": "sms-replies", "state": "taken"}),
            Reading("stored_dead_letters", 1),
            Reading("build_info", 1, {"version": "1"}),
        ]
    )
    assert gauges == {"contexts sms-replies": 5, "taken sms-replies": 3, "dead letters": 1}
    numbers = numbers_of(counters, gauges)
    assert len(numbers) == len(NAMES) == len(COUNTERS) + len(GAUGES)


@pytest.mark.parametrize(
    ("share", "counts", "expected"),
    [
        (0.5, {}, None),
        (0.5, {0: 4}, 0.0005),
        (1.0, {0: 4}, 0.001),
        (0.99, {0: 98, 8: 2}, 0.25 + 0.25 * 0.5),
        (0.99, {15: 1}, 15),
    ],
)
def test_quantile_lies_where_prometheus_puts_it(
    share: float, counts: dict[int, float], expected: float | None
) -> None:
    groups = [counts.get(place, 0.0) for place in range(len(DURATION_BOUNDS) + 1)]
    found = quantile(share, groups)
    assert found == (None if expected is None else pytest.approx(expected))


def test_number_that_is_not_known_is_not_zero() -> None:
    numbers = numbers_of([0.0] * len(COUNTERS), {})
    assert str(numbers[-1]) == str(nan)
