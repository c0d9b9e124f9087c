"""The contract of ``FallbackThrottle``."""

from datetime import timedelta
from functools import partial

import pytest

from application.ports.fallback_throttle import FallbackThrottle, ThrottleLimits, ThrottleOutcome
from tests.builders import NOW
from tests.contracts.concurrency import at_once

WINDOW = timedelta(days=1)
LIMITS = ThrottleLimits(WINDOW, max_per_hour=1000)
TWO_PER_HOUR = ThrottleLimits(WINDOW, max_per_hour=2)
MOMENT = timedelta(microseconds=1)
NEXT_HOUR = NOW.replace(hour=NOW.hour + 1, minute=0, second=0, microsecond=0)


class FallbackThrottleContract:
    """One fallback for each sender and window, and an hourly limit. Override ``throttle``."""

    @pytest.fixture
    def throttle(self) -> FallbackThrottle:
        raise NotImplementedError("a backend provides it")

    def test_first_fallback_to_a_sender_is_granted(self, throttle: FallbackThrottle) -> None:
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_fallback_to_another_sender_is_granted(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("bob", NOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_fallback_at_the_same_moment_is_within_the_window(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_fallback_just_before_the_end_of_the_window_is_within_it(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert (
            throttle.acquire("ana", NOW + WINDOW - MOMENT, LIMITS) is ThrottleOutcome.WITHIN_WINDOW
        )

    def test_fallback_at_the_end_of_the_window_is_granted(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("ana", NOW + WINDOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_window_begins_again_with_each_granted_fallback(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.acquire("ana", NOW + WINDOW, LIMITS)
        assert (
            throttle.acquire("ana", NOW + 2 * WINDOW - MOMENT, LIMITS)
            is ThrottleOutcome.WITHIN_WINDOW
        )

    def test_refused_fallback_does_not_prolong_the_window(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.acquire("ana", NOW + WINDOW - MOMENT, LIMITS)
        assert throttle.acquire("ana", NOW + WINDOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_clock_set_back_grants_no_fallback(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("ana", NOW - 2 * WINDOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_hourly_limit_counts_fallbacks_to_all_senders(self, throttle: FallbackThrottle) -> None:
        results = [throttle.acquire(sender, NOW, TWO_PER_HOUR) for sender in ("ana", "bob", "eve")]
        assert results == [
            ThrottleOutcome.GRANTED,
            ThrottleOutcome.GRANTED,
            ThrottleOutcome.OVER_HOURLY_LIMIT,
        ]

    def test_refused_fallbacks_do_not_count_for_the_hourly_limit(
        self, throttle: FallbackThrottle
    ) -> None:
        for _ in range(3):
            throttle.acquire("ana", NOW, TWO_PER_HOUR)
        assert throttle.acquire("bob", NOW, TWO_PER_HOUR) is ThrottleOutcome.GRANTED

    def test_hourly_limit_holds_until_the_clock_hour_ends(self, throttle: FallbackThrottle) -> None:
        for sender in ("ana", "bob"):
            throttle.acquire(sender, NOW, TWO_PER_HOUR)
        late = throttle.acquire("eve", NEXT_HOUR - MOMENT, TWO_PER_HOUR)
        assert late is ThrottleOutcome.OVER_HOURLY_LIMIT

    def test_next_hour_grants_a_fallback_that_was_over_the_hourly_limit(
        self, throttle: FallbackThrottle
    ) -> None:
        for sender in ("ana", "bob", "eve"):
            throttle.acquire(sender, NOW, TWO_PER_HOUR)
        assert throttle.acquire("eve", NEXT_HOUR, TWO_PER_HOUR) is ThrottleOutcome.GRANTED

    def test_released_fallback_can_be_acquired_again(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.release("ana")
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_release_does_not_reduce_the_hourly_count(self, throttle: FallbackThrottle) -> None:
        for _ in range(2):
            throttle.acquire("ana", NOW, TWO_PER_HOUR)
            throttle.release("ana")
        assert throttle.acquire("bob", NOW, TWO_PER_HOUR) is ThrottleOutcome.OVER_HOURLY_LIMIT

    def test_release_does_not_change_other_senders(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.release("bob")
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_deleting_old_entries_leaves_senders_within_their_window(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW - 2 * WINDOW, LIMITS)
        throttle.acquire("bob", NOW, LIMITS)
        throttle.delete_older(NOW - WINDOW)
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.GRANTED
        assert throttle.acquire("bob", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_deleting_old_entries_leaves_the_count_of_the_present_hour(
        self, throttle: FallbackThrottle
    ) -> None:
        for sender in ("ana", "bob"):
            throttle.acquire(sender, NOW, TWO_PER_HOUR)
        throttle.delete_older(NOW)
        assert throttle.acquire("eve", NOW, TWO_PER_HOUR) is ThrottleOutcome.OVER_HOURLY_LIMIT

    def test_concurrent_fallbacks_to_one_sender_are_granted_once(
        self, throttle: FallbackThrottle
    ) -> None:
        results = at_once([partial(throttle.acquire, "ana", NOW, LIMITS)] * 200)
        assert results.count(ThrottleOutcome.GRANTED) == 1
        assert results.count(ThrottleOutcome.WITHIN_WINDOW) == 199

    def test_concurrent_fallbacks_are_granted_up_to_the_hourly_limit(
        self, throttle: FallbackThrottle
    ) -> None:
        results = at_once(
            partial(throttle.acquire, f"sender-{number}", NOW, TWO_PER_HOUR) for number in range(16)
        )
        assert results.count(ThrottleOutcome.GRANTED) == 2
