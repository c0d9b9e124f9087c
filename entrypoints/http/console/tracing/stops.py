"""The stops of a way: what a picture of a webhook's stations is made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from application.tracing.station_words import DetailInWords
from application.tracing.wording import duration

_HALF_A_DAY = timedelta(hours=12)
_SECOND = 1.0


class StopState(StrEnum):
    """Whether a message was at a stop."""

    PASSED = "passed"
    HERE = "here"
    AHEAD = "ahead"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stop:
    """A station in the picture, whether the message was there or not.

    ``word`` says the ``state`` where there is no time to show. ``is_same_day`` tells that the time
    of day is enough. ``after`` is the time since the stop before, and ``until`` when the message
    goes on. ``sides`` are the stops beside the line.
    """

    kind: str
    name: str
    state: StopState
    word: str = ""
    at: datetime | None = None
    is_same_day: bool = False
    after: str = ""
    until: datetime | None = None
    details: tuple[DetailInWords, ...] = ()
    sides: tuple["Stop", ...] = ()

    @property
    def was_there(self) -> bool:
        """Whether the message has been here, or is."""
        return self.state in {StopState.PASSED, StopState.HERE}


@dataclass(frozen=True, slots=True)
class Way:
    """The stops of the line, and a text that says the same as the picture.

    ``is_late`` tells that a consumer should have taken or acknowledged the message by now.
    """

    stops: tuple[Stop, ...]
    is_late: bool = False

    @property
    def described(self) -> tuple[Stop, ...]:
        """Every stop of which there is something to tell, in the order of the way."""
        return tuple(one for one in self._each if one.was_there or one.details)

    @property
    def description(self) -> str:
        """The picture in words."""
        groups = (
            ("Passed", StopState.PASSED),
            ("Now", StopState.HERE),
            ("Not yet passed", StopState.AHEAD),
            ("Not passed", StopState.MISSED),
            ("Not known", StopState.UNKNOWN),
        )
        named = ((head, [s.name for s in self._each if s.state is state]) for head, state in groups)
        return " ".join(f"{head}: {', '.join(names)}." for head, names in named if names)

    @property
    def _each(self) -> Iterator[Stop]:
        return chain.from_iterable((stop, *stop.sides) for stop in self.stops)


def with_gaps(stops: Iterable[Stop]) -> Iterator[Stop]:
    """The stops, each with the time since the latest one before it that has a time."""
    before: datetime | None = None
    for stop in stops:
        sides: list[Stop] = []
        timed, before = _timed(stop, before)
        for side in stop.sides:
            one, before = _timed(side, before)
            sides.append(one)
        yield replace(timed, sides=tuple(sides))


def _timed(stop: Stop, before: datetime | None) -> tuple[Stop, datetime | None]:
    if stop.at is None:
        return stop, before
    if before is None:
        return stop, stop.at
    passed = stop.at - before
    after = _gap(passed.total_seconds())
    return replace(stop, after=after, is_same_day=passed < _HALF_A_DAY), stop.at


def _gap(seconds: float) -> str:
    if seconds <= 0:
        return "at once" if seconds == 0 else ""
    if seconds < _SECOND:
        return f"{max(seconds * 1000, 1):.0f} ms"
    return f"{round(seconds, 1):g} s" if seconds < 10 * _SECOND else duration(seconds)
