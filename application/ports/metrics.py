"""What operators count, and what they read when they look."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


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
