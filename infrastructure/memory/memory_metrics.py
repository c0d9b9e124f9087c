"""Metrics kept in this process."""

import threading
from collections import Counter
from typing import Final

from application.ports.metrics import Metrics

Series = tuple[str, frozenset[tuple[str, str]]]


class MemoryMetrics(Metrics):
    """Counters and the number and sum of durations, per set of dimensions."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._counts: Final[Counter[Series]] = Counter()
        self._milliseconds: Final[Counter[Series]] = Counter()

    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        """Add ``value`` to a counter."""
        with self._lock:
            self._counts[name, frozenset(dimensions.items())] += value

    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        """Add one duration, rounded to whole milliseconds, and count it."""
        series = name, frozenset(dimensions.items())
        with self._lock:
            self._counts[series] += 1
            self._milliseconds[series] += round(value)

    def total(self, name: str, /, **dimensions: str) -> int:
        """The sum of the counters of this name that have these dimensions, and maybe more."""
        wanted = frozenset(dimensions.items())
        with self._lock:
            return sum(
                value
                for (counted, present), value in self._counts.items()
                if counted == name and wanted <= present
            )
