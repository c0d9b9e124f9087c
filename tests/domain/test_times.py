"""Times are written in a form that sorts as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.times import parse_rfc3339, readable, rfc3339

MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_whole_second_is_written_with_six_fractional_digits() -> None:
    assert rfc3339(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)) == "2026-03-04T05:06:07.000000Z"


def test_time_in_another_zone_is_written_in_utc() -> None:
    moment = datetime(2026, 3, 4, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-03-03T23:00:00.000000Z"


def test_time_for_a_person_is_in_utc_to_the_second() -> None:
    moment = datetime(2026, 3, 4, 1, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert readable(moment) == "2026-03-03 23:00:00 UTC"


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        rfc3339(datetime(2026, 3, 4))  # noqa: DTZ001 - the naive datetime is the point
    with pytest.raises(ValueError, match="without a time zone"):
        parse_rfc3339("2026-03-04T00:00:00")


@given(earlier=MOMENTS, later=MOMENTS)
def test_written_times_sort_like_the_moments(earlier: datetime, later: datetime) -> None:
    assert (rfc3339(earlier) < rfc3339(later)) == (earlier < later)


@given(moment=MOMENTS)
def test_written_time_is_read_back_unchanged(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment
