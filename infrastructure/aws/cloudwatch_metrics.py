"""Metrics as CloudWatch reads them out of a function's log: the Embedded Metric Format.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Final, TextIO

from typing_extensions import override

from application.ports.metrics import Metrics

MAX_VALUES = 100
"""So many values may one metric have in a line."""

Series = tuple[str, tuple[tuple[str, str], ...], str]
"""The name of a metric, its dimensions in alphabetical order, and its unit."""


class EmfMetrics(Metrics):
    """Gathers what one invocation counts, and writes it in as few lines as the format allows.

    ``stream`` is asked for at each flush: standard output may be replaced after the start.
    ``namespace`` is where CloudWatch keeps the metrics; ``now`` gives seconds since the epoch.
    """

    def __init__(
        self, namespace: str, stream: Callable[[], TextIO], now: Callable[[], float] = time.time
    ) -> None:
        self._namespace: Final = namespace
        self._stream: Final = stream
        self._now: Final = now
        self._lock: Final = threading.Lock()
        self._counts: Counter[Series] = Counter()
        self._values: dict[Series, list[float]] = defaultdict(list)

    @override
    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        with self._lock:
            self._counts[name, tuple(sorted(dimensions.items())), "Count"] += value

    @override
    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        series = name, tuple(sorted(dimensions.items())), "Milliseconds"
        with self._lock:
            self._values[series].append(round(value, 3))

    @override
    def observe_size(self, name: str, value: int, /, **dimensions: str) -> None:
        series = name, tuple(sorted(dimensions.items())), "Count"
        with self._lock:
            self._values[series].append(value)

    def flush(self) -> None:
        """Write what was gathered since the last time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            observed, self._values = self._values, defaultdict(list)
        metrics: list[tuple[Series, int | list[float]]] = [*counts.items()]
        for series, values in observed.items():
            for start in range(0, len(values), MAX_VALUES):
                metrics.append((series, values[start : start + MAX_VALUES]))
        lines: list[_Line] = []
        for metric in metrics:
            if not any(line.add(*metric) for line in lines):
                lines.append(_Line())
                lines[-1].add(*metric)
        if lines:
            timestamp = int(self._now() * 1000)
            stream = self._stream()
            stream.write("".join(line.text(self._namespace, timestamp) for line in lines))
            stream.flush()


class _Line:
    """Metrics that can share one line, where each name occurs once and has one value.

    So two values of one dimension, or one metric under two sets of dimensions, need two lines.
    """

    def __init__(self) -> None:
        self._members: dict[str, object] = {}
        self._metrics: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)

    def add(self, series: Series, value: int | list[float]) -> bool:
        """Add a metric if there is room for it."""
        name, dimensions, unit = series
        taken = self._members
        if name in taken or any(taken.get(each, other) != other for each, other in dimensions):
            return False
        taken.update({**dict(dimensions), name: value})
        self._metrics[tuple(dict(dimensions))].append({"Name": name, "Unit": unit})
        return True

    def text(self, namespace: str, timestamp: int) -> str:
        directives = [
            {"Namespace": namespace, "Dimensions": [names], "Metrics": metrics}
            for names, metrics in self._metrics.items()
        ]
        head = {"Timestamp": timestamp, "CloudWatchMetrics": directives}
        return json.dumps({"_aws": head, **self._members}, separators=(",", ":")) + "\n"
