"""What operators count."""

from abc import abstractmethod
from typing import Protocol


class Metrics(Protocol):
    """Counters and durations. No dimension carries an address or an id."""

    @abstractmethod
    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        """Add ``value`` to a counter."""

    @abstractmethod
    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        """Record one duration."""
