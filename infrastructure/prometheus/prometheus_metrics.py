"""Metrics of the server, as Prometheus scrapes them."""

import json
from bisect import bisect_left
from collections.abc import Iterator
from threading import Lock
from typing import Any, Final

from typing_extensions import override

from application.ports.metrics import DURATION_BOUNDS, CountedSeries, Metrics
from infrastructure.prometheus.metric_names import COUNTED, MEMBERS
from infrastructure.prometheus.shared_numbers import SharedNumbers

_Series = tuple[Any, ...]
"""The name of a metric, and each dimension with its value, in the order of the call."""


class PrometheusMetrics(Metrics):
    """Counts in memory that all workers share, so that any of them shows what all have counted.

    A webhook pays for one look-up and one addition each. Of ``Pending`` nothing is counted: a
    scrape reads how many messages are pending.
    """

    def __init__(self, shared: SharedNumbers) -> None:
        self.shared: Final = shared
        self._numbers: Final = shared.numbers
        self._lock: Final = Lock()
        self._places: Final[dict[_Series, int]] = {}
        for name, metric in COUNTED.items():
            for dimensions in metric.known_dimensions():
                self._find_place((name, *dimensions.items()))

    @override
    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        series = (name, *dimensions.items())
        with self._lock:
            place = self._places.get(series) or self._find_place(series)
            self._numbers[place] += value

    @override
    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        self._observe((name, *dimensions.items()), value / 1000, DURATION_BOUNDS)

    @override
    def observe_size(self, name: str, value: int, /, **dimensions: str) -> None:
        self._observe((name, *dimensions.items()), value, MEMBERS)

    def series(self) -> Iterator[CountedSeries]:
        """What all workers have counted so far."""
        for key, numbers in self.shared.totals().items():
            name, dimensions = json.loads(key)
            yield CountedSeries(name, dimensions, numbers)

    def _observe(self, series: _Series, value: float, bounds: tuple[float, ...]) -> None:
        with self._lock:
            place = self._places.get(series) or self._find_place(series)
            self._numbers[place] += value
            self._numbers[place + 1 + bisect_left(bounds, value)] += 1

    def _find_place(self, series: _Series) -> int:
        """Where a series is counted that this process has not met before."""
        name, *dimensions = series
        metric = COUNTED.get(str(name))
        place = self.shared.spare
        if metric:
            key = json.dumps([name, dict(dimensions)], sort_keys=True)
            place = self.shared.place(key, metric.length)
        self._places[series] = place
        return place
