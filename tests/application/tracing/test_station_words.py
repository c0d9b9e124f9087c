"""The details of a station in words."""

import pytest

from application.tracing.results import Detail, Station, StationKind
from application.tracing.station_words import details_in_words


def told(key: str, value: Detail) -> list[str]:
    station = Station(StationKind.QUEUED, None, {key: value})
    return [str(one) for one in details_in_words(station)]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("request_id", "r-1", "request id: r-1"),
        ("rule", "only", "rule: the only open one"),
        ("rule", "of_a_later_version", "rule: of_a_later_version"),
        ("delay_seconds", 30.0, "delay: 30 s"),
        ("delay_seconds", 29.98, "delay: 30 s"),
        ("delay_seconds", 1.25, "delay: 1.25 s"),
        ("publication", 2, "publication: 2"),
        ("receive_count", 0, "receive count: 0"),
        ("hand_off", True, "hand off"),
        ("hand_off_to_human", True, "who answers now: Human"),
        ("hand_off_to_human", False, "who answers now: AI"),
        ("failed_at", "2026-11-29T06:00:00.000000Z", "failed at: 2026-11-29 06:00:00 UTC"),
        (
            "visible_at",
            "2026-11-29T06:00:00.000000Z",
            "visible at: 2026-11-29 06:00:00 UTC",
        ),
    ],
)
def test_detail_is_told_as_a_person_reads_it(key: str, value: Detail, words: str) -> None:
    assert told(key, value) == [words]


@pytest.mark.parametrize(("key", "value"), [("a", None), ("a", False), ("publication", 1)])
def test_what_says_nothing_is_left_out(key: str, value: Detail) -> None:
    assert told(key, value) == []
