"""The picture shows each way that a message can go, and shows nothing that is not stored."""

from datetime import timedelta
from typing import Any

import pytest

from application.tracing.results import (
    Conclusion,
    MessageTrace,
    Statement,
    Station,
    StationKind,
    TraceState,
)
from domain.times import rfc3339
from entrypoints.http.console.tracing.stops import Stop, Way
from entrypoints.http.console.tracing.way import way_of
from tests.builders import NOW

K, S = StationKind, TraceState
Passed = tuple[StationKind, float | None, dict[str, Any]]
RECEIVED: Passed = (K.RECEIVED, 0.0, {})
QUEUED = {"queue": "sms-replies"}


def way(state: TraceState, *stations: Passed) -> Way:
    """The picture of stations, each so many seconds after the message came."""
    made = tuple(
        Station(kind, None if after is None else NOW + timedelta(seconds=after), details)
        for kind, after, details in stations
    )
    return way_of(
        MessageTrace(made, Conclusion(state, None, Statement(""))), NOW + timedelta(seconds=5)
    )


def states(drawn: Way, *kinds: str) -> list[str]:
    """The states of these stops."""
    return [str(stop(drawn, kind).state) for kind in kinds]


def stop(drawn: Way, kind: str) -> Stop:
    """The stop of a kind, on the line or beside it."""
    each = (one for main in drawn.stops for one in (main, *main.sides))
    return next(one for one in each if one.kind == kind)


def test_spooled_message_goes_on_by_itself() -> None:
    drawn = way(S.SPOOLED, RECEIVED, (K.SPOOLED, 0.5, {}))
    assert states(drawn, "verified", "spooled", "dead_letter") == ["passed", "here", "missed"]
    assert states(drawn, "recorded", "acknowledged") == ["ahead", "ahead"]


def test_exhausted_dead_letter_was_in_the_spool() -> None:
    kind = {"dead_letter_kind": "exhausted"}
    drawn = way(S.DEAD_LETTER, RECEIVED, (K.DEAD_LETTER, 9.0, kind))
    assert states(drawn, "spooled", "dead_letter", "recorded") == ["passed", "here", "missed"]
    assert stop(drawn, "recorded").word == "not reached"


def test_undeliverable_message_left_the_line_after_its_match() -> None:
    drawn = way(
        S.UNDELIVERABLE,
        RECEIVED,
        (K.RECORDED, 0.1, {}),
        (K.MATCHED, 0.1, {}),
        (K.ATTEMPTED, None, {"attempts": 5}),
        (K.DEAD_LETTER, 80_000.0, {"dead_letter_kind": "undeliverable"}),
    )
    [matched] = [one for one in drawn.stops if one.kind == "matched"]
    assert [one.kind for one in matched.sides] == ["attempted", "dead_letter"]
    assert states(drawn, "attempted", "dead_letter", "queued") == ["passed", "here", "missed"]
    assert [one.kind for one in drawn.described][-2:] == ["attempted", "dead_letter"]
    assert not stop(drawn, "dead_letter").is_same_day


def test_queue_that_shows_nothing_leaves_the_rest_unknown() -> None:
    drawn = way(
        S.QUEUED, RECEIVED, (K.RECORDED, 0.1, {}), (K.MATCHED, 0.1, {}), (K.QUEUED, 0.2, QUEUED)
    )
    assert states(drawn, "queued", "waiting", "acknowledged") == ["here", "unknown", "unknown"]
    assert "Not known: Waiting, Taken, Acknowledged." in drawn.description


def test_queue_that_is_not_stored_is_named_by_no_one() -> None:
    drawn = way(S.QUEUED, RECEIVED, (K.RECORDED, 0.1, {}), (K.QUEUED, 0.2, {"queue": None}))
    assert stop(drawn, "queued").name == "Queued"
    assert stop(drawn, "queued").sides == ()


@pytest.mark.parametrize(
    ("seconds", "state"), [(0.3, "missed"), (60, "unknown"), (None, "unknown")]
)
def test_message_that_was_recorded_late_may_have_been_elsewhere(
    seconds: float | None, state: str
) -> None:
    drawn = way(S.PENDING, RECEIVED, (K.RECORDED, seconds, {}), (K.MATCHED, seconds, {}))
    assert states(drawn, "spooled", "dead_letter") == [state, state]
    assert states(drawn, "matched", "queued") == ["here", "ahead"]


def test_redriven_message_was_unmatched_before() -> None:
    drawn = way(
        S.ACKNOWLEDGED,
        RECEIVED,
        (K.RECORDED, 0.1, {}),
        (K.UNMATCHED, 0.1, {"rule": "no_conversation"}),
        (K.FALLBACK, 0.2, {"result": "sent"}),
        (K.MATCHED, None, {"rule": "redriven"}),
        (K.QUEUED, 300.0, QUEUED),
        (K.ACKNOWLEDGED, None, {}),
    )
    kinds = ["received", "verified", "recorded", "unmatched", "fallback", "matched", "queued"]
    assert [one.kind for one in drawn.described] == [*kinds, "waiting", "taken", "acknowledged"]
    assert [one.after for one in drawn.described][:7] == [
        "",
        "",
        "100 ms",
        "at once",
        "100 ms",
        "",
        "5 min",
    ]


@pytest.mark.parametrize("result", ["suppressed", "throttled", "failed"])
def test_fallback_that_was_not_sent_is_told_and_not_passed(result: str) -> None:
    drawn = way(
        S.UNMATCHED,
        RECEIVED,
        (K.RECORDED, 0.1, {}),
        (K.UNMATCHED, 0.1, {}),
        (K.FALLBACK, 0.2, {"result": result, "reason": "opt_out_word"}),
    )
    assert stop(drawn, "fallback").word == "not sent"
    assert stop(drawn, "fallback") in drawn.described


def test_fallback_of_which_nothing_is_stored_is_in_the_log() -> None:
    drawn = way(S.UNMATCHED, RECEIVED, (K.RECORDED, 0.1, {}), (K.UNMATCHED, 0.1, {}))
    assert (stop(drawn, "fallback").state, stop(drawn, "fallback").word) == (
        "unknown",
        "see the log",
    )


def test_erased_message_has_no_more_than_its_end() -> None:
    drawn = way(S.ERASED, (K.ERASED, None, {}))
    assert [one.kind for one in drawn.stops] == ["received", "verified", "recorded", "erased"]
    assert drawn.description == "Passed: Received, Verified, Recorded. Now: Erased."


def test_delay_is_shown_while_it_lasts() -> None:
    for seconds, is_shown in ((30.0, True), (1.0, False)):
        ends_at = NOW + timedelta(seconds=seconds)
        details = {"visible_at": rfc3339(ends_at), "receive_count": 0}
        drawn = way(S.DELAYED, RECEIVED, (K.QUEUED, 0.1, QUEUED), (K.WAITING, 0.1, details))
        assert stop(drawn, "waiting").until == (ends_at if is_shown else None)


@pytest.mark.parametrize("minutes", [14, 16])
def test_what_a_consumer_leaves_or_holds_for_long_is_late(minutes: int) -> None:
    since, until = (rfc3339(NOW + sign * timedelta(minutes=minutes)) for sign in (-1, 1))
    ready = way(S.READY, RECEIVED, (K.WAITING, 0.1, {"visible_at": since}))
    held = way(S.IN_FLIGHT, RECEIVED, (K.TAKEN, None, {"visible_at": until}))
    delayed = way(S.DELAYED, RECEIVED, (K.WAITING, 0.1, {"visible_at": until}))
    is_late = minutes > 15
    assert (ready.is_late, held.is_late, delayed.is_late) == (is_late, is_late, False)
