"""What operators count, and what they read when they look."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

DURATION_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 8, 11, 15)
"""Upper bounds of the groups in which durations are counted, in seconds.

A webhook takes milliseconds, may take 8 s and 11 s, and has 15 s at most.
"""


class Metrics(Protocol):
    """Counters, durations and sizes. No dimension carries an address or an id.

    Every name stands in the table of ``docs/operations.md``. Nothing here raises or waits.
    """

    @abstractmethod
    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        """Add ``value`` to a counter."""

    @abstractmethod
    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        """Record one duration."""

    @abstractmethod
    def observe_size(self, name: str, value: int, /, **dimensions: str) -> None:
        """Record how many members one group had."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a gauge at the moment of reading. No dimension carries an address or an id."""

    name: str
    value: float
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CountedSeries:
    """What was counted under a name with these dimensions, since the server was started.

    A counter has one number. Of durations the first one is their sum in seconds, and the others
    say how many there were up to each of ``DURATION_BOUNDS``, and beyond the last of them.
    """

    name: str
    dimensions: Mapping[str, str]
    numbers: Sequence[float]
