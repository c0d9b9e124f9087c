"""The contract of ``SampleHistory``."""

from datetime import datetime, timedelta
from math import isnan, nan

import pytest

from application.ports.sample_history import INTERVAL, RETAINED_FOR, Sample, SampleHistory
from tests.builders import NOW
from tests.contracts.context_queue import ManualClock

NAMES = ("received", "waiting")
STARTED = NOW - timedelta(minutes=5)
BEFORE = NOW - timedelta(days=9)


def a_sample(at: datetime, *numbers: float, started_at: datetime = STARTED) -> Sample:
    """A sample of the two numbers."""
    return Sample(at, started_at, numbers or (1.0, 0.0))


def seen(history: SampleHistory, since: datetime = BEFORE) -> list[tuple[datetime, list[float]]]:
    """What the history tells."""
    return [(sample.at, [*sample.numbers]) for sample in history.since(since)]


class SampleHistoryContract:
    """One sample for each interval of a day. Override ``history``."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def history(self, clock: ManualClock) -> SampleHistory:
        raise NotImplementedError("a backend provides it")

    def test_nothing_is_known_at_first(self, history: SampleHistory) -> None:
        assert history.since(BEFORE) == ()

    def test_sample_comes_back_as_it_was(self, history: SampleHistory) -> None:
        history.keep(a_sample(NOW, 12345678901.0, nan))
        (sample,) = history.since(BEFORE)
        assert (sample.at, sample.started_at) == (NOW, STARTED)
        assert sample.numbers[0] == 12345678901.0
        assert isnan(sample.numbers[1])

    def test_samples_come_in_order_from_a_moment_on(
        self, history: SampleHistory, clock: ManualClock
    ) -> None:
        moments = [NOW + INTERVAL * number for number in range(5)]
        clock.advance(by=INTERVAL * 5)
        for moment in moments:
            history.keep(a_sample(moment))
        assert [at for at, _ in seen(history)] == moments
        assert [at for at, _ in seen(history, moments[2])] == moments[2:]
        assert seen(history, moments[4] + timedelta(seconds=1)) == []

    def test_samples_of_a_day_stay_and_older_ones_make_room(
        self, history: SampleHistory, clock: ManualClock
    ) -> None:
        every_hour = [NOW + timedelta(hours=number) for number in range(50)]
        for moment in every_hour:
            clock.now = moment
            history.keep(a_sample(moment))
        assert [at for at, _ in seen(history)] == every_hour[-24:]

    def test_after_a_day_without_a_server_nothing_old_is_shown(
        self, history: SampleHistory, clock: ManualClock
    ) -> None:
        history.keep(a_sample(NOW))
        clock.advance(by=RETAINED_FOR + timedelta(seconds=1))
        assert seen(history) == []

    def test_later_sample_of_the_same_server_and_interval_replaces_the_one_before(
        self, history: SampleHistory, clock: ManualClock
    ) -> None:
        clock.advance(seconds=10)
        history.keep(a_sample(NOW, 1, 0))
        history.keep(a_sample(NOW + timedelta(seconds=9), 5, 0))
        history.keep(a_sample(NOW + timedelta(seconds=1), 2, 0))
        assert seen(history) == [(NOW + timedelta(seconds=9), [5, 0])]

    def test_sample_of_another_server_in_the_same_interval_stays(
        self, history: SampleHistory, clock: ManualClock
    ) -> None:
        clock.advance(seconds=10)
        history.keep(a_sample(NOW, 1, 0))
        history.keep(a_sample(NOW + timedelta(seconds=5), 9, 0, started_at=NOW))
        assert seen(history) == [(NOW, [1, 0])]

    def test_samples_of_a_clock_that_went_wrong_are_not_shown(self, history: SampleHistory) -> None:
        history.keep(a_sample(NOW + timedelta(hours=3)))
        assert seen(history) == []
