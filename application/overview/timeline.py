"""A stretch of time in equal steps: what happened in each, and what waited."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import isnan, nan

from application.overview.growth import Growth, Growths
from application.overview.sampled_numbers import COUNTERS, GAUGES
from application.ports.sample_history import Sample

_COUNTER_PLACES = {name: place for place, name in enumerate(COUNTERS)}
_GAUGE_PLACES = {name: place for place, name in enumerate(GAUGES)}
_ZEROS = (0.0,) * len(COUNTERS)
_UNKNOWN = (nan,) * len(GAUGES)

Numbers = Sequence[float]


@dataclass(frozen=True)
class Span:
    """How far a timeline looks back, and how long its steps are."""

    hours: int
    step_seconds: int

    @property
    def steps(self) -> int:
        """How many there are; the last one is still going on."""
        return self.hours * 3600 // self.step_seconds + 1

    def step_of(self, moment: datetime) -> int:
        """The number of the step in which ``moment`` lies."""
        return int(moment.timestamp() // self.step_seconds)


SPANS = {span.hours: span for span in (Span(1, 120), Span(6, 600), Span(24, 1200))}


@dataclass(frozen=True)
class Timeline:
    """The steps of a span up to the one with the number ``last``, which is still going on.

    A step of which nothing is known, because no server ran, is a gap: ``None``.
    """

    span: Span
    last: int
    counts: list[Numbers | None] = field(default_factory=list)
    gauges: list[Numbers | None] = field(default_factory=list)
    _sums: dict[int, Numbers] = field(default_factory=dict)

    @classmethod
    def empty(cls, span: Span, now: datetime) -> "Timeline":
        """One that ends at ``now``, without any samples."""
        return cls(span, span.step_of(now), [None] * span.steps, [None] * span.steps)

    def copy(self) -> "Timeline":
        """One to which something can be added that this one does not get."""
        return Timeline(self.span, self.last, [*self.counts], [*self.gauges])

    @cached_property
    def starts(self) -> list[int]:
        """When each step begins, in seconds since 1970."""
        first = self.last - self.span.steps + 1
        return [step * self.span.step_seconds for step in range(first, self.last + 1)]

    @property
    def tail(self) -> "Timeline":
        """The step alone that is still going on."""
        return Timeline(self.span, self.last, self.counts[-1:], self.gauges[-1:])

    @property
    def begun_at(self) -> datetime:
        """When the first step began."""
        return datetime.fromtimestamp(self.starts[0], UTC)

    def grow(self, growth: Growth | None, at: datetime | None = None) -> None:
        """Count what happened in the step of ``at``, without it in the middle of its time."""
        if growth is None:
            return
        self._sums.clear()
        self._cover(growth)
        middle = growth.begun_at + (growth.ended_at - growth.begun_at) / 2
        place = self._place(at or middle)
        if 0 <= place < len(self.counts):
            before = self.counts[place] or _ZEROS
            self.counts[place] = [*map(operator.add, before, growth.counts)]

    def wait(self, sample: Sample) -> None:
        """Of several samples in a step the greatest number counts: what was worst shows."""
        place = self._place(sample.at)
        if 0 <= place < len(self.gauges):
            numbers = sample.numbers[len(COUNTERS) :]
            self.gauges[place] = [*map(_greater, self.gauges[place] or _UNKNOWN, numbers)]

    def counted(self, names: Iterable[str]) -> list[float | None]:
        """How much the counters with these names grew in each step, together."""
        places = [_COUNTER_PLACES[name] for name in names]
        return [
            None if counts is None else sum([counts[place] for place in places])
            for counts in self.counts
        ]

    def total(self, *names: str, within: timedelta | None = None) -> float:
        """How much they grew in all steps, or in those of the latest time."""
        steps = self.span.steps
        if within is not None:
            steps = int(within.total_seconds()) // self.span.step_seconds + 1
        sums = self._sums_of(steps)
        return sum(sums[_COUNTER_PLACES[name]] for name in names)

    def waited(self, names: Sequence[str], *, greatest: bool = False) -> list[float | None]:
        """How much waited in each step: these gauges together, or the greatest of them."""
        places = [_GAUGE_PLACES[name] for name in names]
        return [_combined(numbers, places, greatest=greatest) for numbers in self.gauges]

    def _sums_of(self, steps: int) -> Numbers:
        if steps not in self._sums:
            known = [counts for counts in self.counts[-steps:] if counts is not None]
            self._sums[steps] = [*map(sum, zip(*known, strict=True))] or _ZEROS
        return self._sums[steps]

    def _place(self, moment: datetime) -> int:
        return self.span.step_of(moment) - self.last + self.span.steps - 1

    def _cover(self, growth: Growth) -> None:
        """In these steps a server ran: that nothing was counted is zero, and no gap."""
        first, last = self._place(growth.begun_at), self._place(growth.ended_at)
        for place in range(max(first, 0), min(last + 1, len(self.counts))):
            self.counts[place] = self.counts[place] or _ZEROS


def timeline_of(samples: Iterable[Sample], span: Span, now: datetime) -> tuple[Timeline, Growths]:
    """What ``samples`` tell, and how the counters grew: for what comes after them."""
    timeline = Timeline.empty(span, now)
    growths = Growths(timeline.begun_at)
    for sample in samples:
        timeline.grow(growths.add(sample))
        timeline.wait(sample)
    return timeline, growths


def _combined(numbers: Numbers | None, places: Sequence[int], *, greatest: bool) -> float | None:
    known = [] if numbers is None else [numbers[place] for place in places]
    known = [number for number in known if not isnan(number)]
    if not known:
        return None
    return max(known) if greatest else sum(known)


def _greater(before: float, number: float) -> float:
    """The greater one; one that is known is more than NaN."""
    return before if isnan(number) or before > number else number
