"""The fallback throttle in DynamoDB: the expiry of its items, and the cost of a refusal."""

from datetime import timedelta

import pytest

from application.ports.fallback_throttle import ThrottleLimits, ThrottleOutcome
from tests.builders import NOW
from tests.contracts.fallback_throttle import LIMITS, WINDOW
from tests.infrastructure.aws.dynamodb.dynamodb_faults import recorded_calls
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

NOW_SECONDS = int(NOW.timestamp())


def test_throttle_items_expire_after_their_window_and_hour(tables: Tables) -> None:
    tables.throttle().acquire("ana", NOW, LIMITS)
    expiries = {
        item["throttle_key"]["S"]: int(item["expires_at"]["N"])
        for item in tables.items("fallback_throttle")
    }
    assert set(expiries) == {"sender#ana", "hour#2026-03-04T12"}
    assert expiries["sender#ana"] > NOW_SECONDS + WINDOW.total_seconds()
    assert expiries["hour#2026-03-04T12"] > NOW_SECONDS + timedelta(hours=1).total_seconds()


def test_expired_throttle_item_that_still_exists_does_not_count(tables: Tables) -> None:
    tables.throttle().acquire("ana", NOW, LIMITS)
    assert len(tables.items("fallback_throttle")) == 2
    assert tables.throttle().acquire("ana", NOW + WINDOW, LIMITS) is ThrottleOutcome.GRANTED


@pytest.mark.parametrize("limit", [0, -1])
def test_hourly_limit_of_zero_grants_no_fallback(tables: Tables, limit: int) -> None:
    limits = ThrottleLimits(WINDOW, max_per_hour=limit)
    assert tables.throttle().acquire("ana", NOW, limits) is ThrottleOutcome.OVER_HOURLY_LIMIT
    assert tables.items("fallback_throttle") == []


def test_fallback_within_the_window_is_refused_in_one_round_trip(tables: Tables) -> None:
    tables.throttle().acquire("ana", NOW, LIMITS)
    with recorded_calls(tables.client) as calls:
        tables.throttle().acquire("ana", NOW, LIMITS)
    assert calls == ["UpdateItem"]
