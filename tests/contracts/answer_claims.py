"""What every memory of automatic answers promises."""

from datetime import timedelta
from functools import partial

import pytest

from application.ports.storage import AnswerClaims, Claim, ClaimLimits
from tests.builders import NOW
from tests.contracts.concurrency import at_once

WINDOW = timedelta(days=1)
LIMITS = ClaimLimits(WINDOW, max_per_hour=1000)
TWO_PER_HOUR = ClaimLimits(WINDOW, max_per_hour=2)
MOMENT = timedelta(microseconds=1)
NEXT_HOUR = NOW.replace(hour=NOW.hour + 1, minute=0, second=0, microsecond=0)


class AnswerClaimsContract:
    """One answer per sender and window, and an hourly limit above all. Override ``claims``."""

    @pytest.fixture
    def claims(self) -> AnswerClaims:
        raise NotImplementedError("a backend provides it")

    def test_the_first_claim_is_granted(self, claims: AnswerClaims) -> None:
        assert claims.claim("ana", NOW, LIMITS) is Claim.GRANTED

    def test_each_sender_has_a_claim(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        assert claims.claim("bob", NOW, LIMITS) is Claim.GRANTED

    def test_a_second_claim_at_the_same_moment_is_within_the_window(
        self, claims: AnswerClaims
    ) -> None:
        claims.claim("ana", NOW, LIMITS)
        assert claims.claim("ana", NOW, LIMITS) is Claim.WITHIN_WINDOW

    def test_so_is_one_just_before_its_end(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        assert claims.claim("ana", NOW + WINDOW - MOMENT, LIMITS) is Claim.WITHIN_WINDOW

    def test_at_its_end_the_next_one_is_granted(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        assert claims.claim("ana", NOW + WINDOW, LIMITS) is Claim.GRANTED

    def test_the_window_begins_anew_with_each_granted_claim(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        claims.claim("ana", NOW + WINDOW, LIMITS)
        assert claims.claim("ana", NOW + 2 * WINDOW - MOMENT, LIMITS) is Claim.WITHIN_WINDOW

    def test_a_refused_claim_does_not_prolong_the_window(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        claims.claim("ana", NOW + WINDOW - MOMENT, LIMITS)
        assert claims.claim("ana", NOW + WINDOW, LIMITS) is Claim.GRANTED

    def test_a_clock_that_was_set_back_grants_nothing(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        assert claims.claim("ana", NOW - 2 * WINDOW, LIMITS) is Claim.WITHIN_WINDOW

    def test_the_hourly_limit_counts_all_senders(self, claims: AnswerClaims) -> None:
        results = [claims.claim(sender, NOW, TWO_PER_HOUR) for sender in ("ana", "bob", "eve")]
        assert results == [Claim.GRANTED, Claim.GRANTED, Claim.OVER_HOURLY_LIMIT]

    def test_refused_claims_do_not_count(self, claims: AnswerClaims) -> None:
        for _ in range(3):
            claims.claim("ana", NOW, TWO_PER_HOUR)
        assert claims.claim("bob", NOW, TWO_PER_HOUR) is Claim.GRANTED

    def test_the_limit_holds_until_the_clock_hour_ends(self, claims: AnswerClaims) -> None:
        for sender in ("ana", "bob"):
            claims.claim(sender, NOW, TWO_PER_HOUR)
        late = claims.claim("eve", NEXT_HOUR - MOMENT, TWO_PER_HOUR)
        assert late is Claim.OVER_HOURLY_LIMIT

    def test_the_next_hour_counts_anew_and_knows_no_claim_that_was_over_the_limit(
        self, claims: AnswerClaims
    ) -> None:
        for sender in ("ana", "bob", "eve"):
            claims.claim(sender, NOW, TWO_PER_HOUR)
        assert claims.claim("eve", NEXT_HOUR, TWO_PER_HOUR) is Claim.GRANTED

    def test_a_claim_that_is_given_back_can_be_made_again(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        claims.give_back("ana")
        assert claims.claim("ana", NOW, LIMITS) is Claim.GRANTED

    def test_giving_back_leaves_the_hours_count(self, claims: AnswerClaims) -> None:
        for _ in range(2):
            claims.claim("ana", NOW, TWO_PER_HOUR)
            claims.give_back("ana")
        assert claims.claim("bob", NOW, TWO_PER_HOUR) is Claim.OVER_HOURLY_LIMIT

    def test_giving_back_leaves_the_claims_of_others(self, claims: AnswerClaims) -> None:
        claims.claim("ana", NOW, LIMITS)
        claims.give_back("bob")
        assert claims.claim("ana", NOW, LIMITS) is Claim.WITHIN_WINDOW

    def test_an_old_claim_can_be_forgotten_and_one_that_counts_cannot(
        self, claims: AnswerClaims
    ) -> None:
        claims.claim("ana", NOW - 2 * WINDOW, LIMITS)
        claims.claim("bob", NOW, LIMITS)
        claims.forget_older(NOW - WINDOW)
        assert claims.claim("ana", NOW, LIMITS) is Claim.GRANTED
        assert claims.claim("bob", NOW, LIMITS) is Claim.WITHIN_WINDOW

    def test_the_present_hour_still_counts_after_old_ones_were_forgotten(
        self, claims: AnswerClaims
    ) -> None:
        for sender in ("ana", "bob"):
            claims.claim(sender, NOW, TWO_PER_HOUR)
        claims.forget_older(NOW)
        assert claims.claim("eve", NOW, TWO_PER_HOUR) is Claim.OVER_HOURLY_LIMIT

    def test_of_200_claims_at_once_one_is_granted(self, claims: AnswerClaims) -> None:
        results = at_once([partial(claims.claim, "ana", NOW, LIMITS)] * 200)
        assert results.count(Claim.GRANTED) == 1
        assert results.count(Claim.WITHIN_WINDOW) == 199

    def test_of_many_senders_at_once_no_more_than_the_limit_is_granted(
        self, claims: AnswerClaims
    ) -> None:
        results = at_once(
            partial(claims.claim, f"sender-{number}", NOW, TWO_PER_HOUR) for number in range(16)
        )
        assert results.count(Claim.GRANTED) == 2
