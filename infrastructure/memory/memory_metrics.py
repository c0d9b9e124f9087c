"""Metrics in this process."""

import threading
from collections import Counter
from typing import Final

from typing_extensions import override

from application.ports.metrics import Metrics

Series = tuple[str, frozenset[tuple[str, str]]]


class MemoryMetrics(Metrics):
    """Counters, and how many durations and sizes there were, for each set of dimensions."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._counts: Final[Counter[Series]] = Counter()

    @override
    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        with self._lock:
            self._counts[name, frozenset(dimensions.items())] += value

    @override
    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        self.count(name, **dimensions)

    @override
    def observe_size(self, name: str, value: int, /, **dimensions: str) -> None:
        self.count(name, **dimensions)

    def total(self, name: str, /, **dimensions: str) -> int:
        """The sum of the counters of this name that have these dimensions, and maybe more."""
        wanted = frozenset(dimensions.items())
        with self._lock:
            return sum(
                value
                for (counted, present), value in self._counts.items()
                if counted == name and wanted <= present
            )
