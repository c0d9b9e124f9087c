"""Metrics as CloudWatch reads them out of a function's log: the Embedded Metric Format.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TextIO

from typing_extensions import override

from application.ports.metrics import Metrics

MAX_VALUES = 100
"""So many values may one metric have in a line."""

MAX_METRICS = 100
"""So many metrics may one directive define; a line of ours has one for each."""

Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a metric, and its dimensions in alphabetical order."""


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
        self._counts: dict[Series, int] = defaultdict(int)
        self._milliseconds: dict[Series, list[float]] = defaultdict(list)

    @override
    def count(self, name: str, value: int = 1, /, **dimensions: str) -> None:
        with self._lock:
            self._counts[name, tuple(sorted(dimensions.items()))] += value

    @override
    def observe_milliseconds(self, name: str, value: float, /, **dimensions: str) -> None:
        with self._lock:
            series = name, tuple(sorted(dimensions.items()))
            self._milliseconds[series].append(round(value, 3))

    def flush(self) -> None:
        """Write what was gathered since the last time."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
            milliseconds, self._milliseconds = self._milliseconds, defaultdict(list)
        metrics = [_Metric(*series, "Count", count) for series, count in counts.items()]
        for series, values in milliseconds.items():
            for start in range(0, len(values), MAX_VALUES):
                chunk = values[start : start + MAX_VALUES]
                metrics.append(_Metric(*series, "Milliseconds", chunk))
        timestamp = int(self._now() * 1000)
        text = "".join(line.text(self._namespace, timestamp) for line in _lines(metrics))
        if text:
            stream = self._stream()
            stream.write(text)
            stream.flush()


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    values: int | list[float]


@dataclass(frozen=True, slots=True)
class _Line:
    """Metrics that can share one line, where each name occurs once and has one value.

    So two values of one dimension, or one metric under two sets of dimensions, need two lines.
    """

    members: dict[str, object] = field(default_factory=dict)
    metrics: list[_Metric] = field(default_factory=list)

    def has_room_for(self, metric: _Metric) -> bool:
        return (
            len(self.metrics) < MAX_METRICS
            and metric.name not in self.members
            and all(self.members.get(name, value) == value for name, value in metric.dimensions)
        )

    def add(self, metric: _Metric) -> None:
        self.metrics.append(metric)
        self.members.update(metric.dimensions)
        self.members[metric.name] = metric.values

    def text(self, namespace: str, timestamp: int) -> str:
        by_dimensions: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
        for metric in self.metrics:
            names = tuple(name for name, _ in metric.dimensions)
            by_dimensions[names].append({"Name": metric.name, "Unit": metric.unit})
        directives = [
            {"Namespace": namespace, "Dimensions": [names], "Metrics": definitions}
            for names, definitions in by_dimensions.items()
        ]
        head = {"Timestamp": timestamp, "CloudWatchMetrics": directives}
        return json.dumps({"_aws": head, **self.members}, separators=(",", ":")) + "\n"


def _lines(metrics: Iterable[_Metric]) -> list[_Line]:
    lines: list[_Line] = []
    for metric in metrics:
        line = next((line for line in lines if line.has_room_for(metric)), None)
        if line is None:
            lines.append(line := _Line())
        line.add(metric)
    return lines
