"""What every memory of automatic answers promises."""

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
    """One answer per sender and window, and an hourly limit above all. Override ``claims``."""

    @pytest.fixture
    def throttle(self) -> FallbackThrottle:
        raise NotImplementedError("a backend provides it")

    def test_the_first_claim_is_granted(self, throttle: FallbackThrottle) -> None:
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_each_sender_has_a_claim(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("bob", NOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_a_second_claim_at_the_same_moment_is_within_the_window(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_so_is_one_just_before_its_end(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert (
            throttle.acquire("ana", NOW + WINDOW - MOMENT, LIMITS) is ThrottleOutcome.WITHIN_WINDOW
        )

    def test_at_its_end_the_next_one_is_granted(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("ana", NOW + WINDOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_the_window_begins_anew_with_each_granted_claim(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.acquire("ana", NOW + WINDOW, LIMITS)
        assert (
            throttle.acquire("ana", NOW + 2 * WINDOW - MOMENT, LIMITS)
            is ThrottleOutcome.WITHIN_WINDOW
        )

    def test_a_refused_claim_does_not_prolong_the_window(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.acquire("ana", NOW + WINDOW - MOMENT, LIMITS)
        assert throttle.acquire("ana", NOW + WINDOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_a_clock_that_was_set_back_grants_nothing(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        assert throttle.acquire("ana", NOW - 2 * WINDOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_the_hourly_limit_counts_all_senders(self, throttle: FallbackThrottle) -> None:
        results = [throttle.acquire(sender, NOW, TWO_PER_HOUR) for sender in ("ana", "bob", "eve")]
        assert results == [
            ThrottleOutcome.GRANTED,
            ThrottleOutcome.GRANTED,
            ThrottleOutcome.OVER_HOURLY_LIMIT,
        ]

    def test_refused_claims_do_not_count(self, throttle: FallbackThrottle) -> None:
        for _ in range(3):
            throttle.acquire("ana", NOW, TWO_PER_HOUR)
        assert throttle.acquire("bob", NOW, TWO_PER_HOUR) is ThrottleOutcome.GRANTED

    def test_the_limit_holds_until_the_clock_hour_ends(self, throttle: FallbackThrottle) -> None:
        for sender in ("ana", "bob"):
            throttle.acquire(sender, NOW, TWO_PER_HOUR)
        late = throttle.acquire("eve", NEXT_HOUR - MOMENT, TWO_PER_HOUR)
        assert late is ThrottleOutcome.OVER_HOURLY_LIMIT

    def test_the_next_hour_counts_anew_and_knows_no_claim_that_was_over_the_limit(
        self, throttle: FallbackThrottle
    ) -> None:
        for sender in ("ana", "bob", "eve"):
            throttle.acquire(sender, NOW, TWO_PER_HOUR)
        assert throttle.acquire("eve", NEXT_HOUR, TWO_PER_HOUR) is ThrottleOutcome.GRANTED

    def test_a_claim_that_is_given_back_can_be_made_again(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.release("ana")
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.GRANTED

    def test_giving_back_leaves_the_hours_count(self, throttle: FallbackThrottle) -> None:
        for _ in range(2):
            throttle.acquire("ana", NOW, TWO_PER_HOUR)
            throttle.release("ana")
        assert throttle.acquire("bob", NOW, TWO_PER_HOUR) is ThrottleOutcome.OVER_HOURLY_LIMIT

    def test_giving_back_leaves_the_claims_of_others(self, throttle: FallbackThrottle) -> None:
        throttle.acquire("ana", NOW, LIMITS)
        throttle.release("bob")
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_an_old_claim_can_be_forgotten_and_one_that_counts_cannot(
        self, throttle: FallbackThrottle
    ) -> None:
        throttle.acquire("ana", NOW - 2 * WINDOW, LIMITS)
        throttle.acquire("bob", NOW, LIMITS)
        throttle.delete_older(NOW - WINDOW)
        assert throttle.acquire("ana", NOW, LIMITS) is ThrottleOutcome.GRANTED
        assert throttle.acquire("bob", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW

    def test_the_present_hour_still_counts_after_old_ones_were_forgotten(
        self, throttle: FallbackThrottle
    ) -> None:
        for sender in ("ana", "bob"):
            throttle.acquire(sender, NOW, TWO_PER_HOUR)
        throttle.delete_older(NOW)
        assert throttle.acquire("eve", NOW, TWO_PER_HOUR) is ThrottleOutcome.OVER_HOURLY_LIMIT

    def test_of_200_claims_at_once_one_is_granted(self, throttle: FallbackThrottle) -> None:
        results = at_once([partial(throttle.acquire, "ana", NOW, LIMITS)] * 200)
        assert results.count(ThrottleOutcome.GRANTED) == 1
        assert results.count(ThrottleOutcome.WITHIN_WINDOW) == 199

    def test_of_many_senders_at_once_no_more_than_the_limit_is_granted(
        self, throttle: FallbackThrottle
    ) -> None:
        results = at_once(
            partial(throttle.acquire, f"sender-{number}", NOW, TWO_PER_HOUR) for number in range(16)
        )
        assert results.count(ThrottleOutcome.GRANTED) == 2
