"""The text that Prometheus scrapes: what was counted, and gauges as they are now."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from typing_extensions import override

from application.ports.metrics import Reading
from infrastructure.prometheus.metric_names import COUNTED, GAUGES, PREFIX, Counted

Totals = dict[str, list[float]]
_Series = tuple[dict[str, str], list[float]]


class MetricsPage:
    """What all workers have counted, from ``totals``, and gauges that were read."""

    def __init__(self, totals: Callable[[], Totals]) -> None:
        self._totals = totals

    def __call__(self, readings: Iterable[Reading], accept: str = "") -> tuple[bytes, str]:
        """The text in a form that the ``Accept`` header names, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(_Families([*_counted(self._totals()), *_gauges(readings)])), content_type


class _Families(Collector):
    """As the client library takes them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    @override
    def collect(self) -> Sequence[Metric]:
        return self._families


def _counted(totals: Totals) -> Iterator[Metric]:
    series: dict[str, list[_Series]] = defaultdict(list)
    for key, numbers in totals.items():
        name, dimensions = json.loads(key)
        series[name].append((dimensions, numbers))
    return (_family(metric, series[name]) for name, metric in COUNTED.items())


def _family(metric: Counted, series: Sequence[_Series]) -> Metric:
    """One metric. A dimension that a series lacks is an empty label, which is the same."""
    name, labels = PREFIX + metric.name, [*metric.labels]
    if not metric.bounds:
        counter = CounterMetricFamily(name, metric.help, labels=labels)
        for dimensions, (value,) in series:
            counter.add_metric([dimensions.get(label, "") for label in labels], value)
        return counter
    histogram = HistogramMetricFamily(name, metric.help, labels=labels)
    bounds = [*map(floatToGoString, metric.bounds), "+Inf"]
    for dimensions, (total, *buckets) in series:
        up_to = [*zip(bounds, accumulate(buckets), strict=True)]
        histogram.add_metric([dimensions.get(label, "") for label in labels], up_to, total)
    return histogram


def _gauges(readings: Iterable[Reading]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for reading in readings:
        labels = [*reading.dimensions]
        family = families.setdefault(
            reading.name,
            GaugeMetricFamily(PREFIX + reading.name, GAUGES[reading.name], labels=labels),
        )
        family.add_metric([*reading.dimensions.values()], reading.value)
    yield from families.values()
