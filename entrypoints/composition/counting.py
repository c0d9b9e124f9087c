"""What a server counts, and its samples. Part of the container."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from application.clock import Clock
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.ports.sample_history import SampleHistory
    from infrastructure.filesystem.backend import DataDirectory
    from infrastructure.prometheus.metrics_page import MetricsPage
    from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics


class SharedMetrics(NamedTuple):
    """What workers count in together: an open file, and this worker's number from 0 on.

    ``started_at`` is when the server was started: there all counts began.
    """

    descriptor: int
    number: int
    started_at: datetime


def create_shared_metrics(workers: int) -> int:
    """An open file in which this number of workers count together: see ``SharedMetrics``."""
    from infrastructure.prometheus.shared_numbers import create_shared_memory

    return create_shared_memory(workers)


def open_prometheus_metrics(shared: SharedMetrics | None = None) -> "PrometheusMetrics":
    """Metrics for the server, which Prometheus scrapes; of one process, or shared by workers."""
    from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics
    from infrastructure.prometheus.shared_numbers import SharedNumbers

    if shared is None:
        return PrometheusMetrics(SharedNumbers.of_one_process())
    return PrometheusMetrics(SharedNumbers.inherited(shared.descriptor, shared.number))


def open_metrics_page(metrics: "PrometheusMetrics") -> "MetricsPage":
    """The text that Prometheus scrapes. It loads the client library."""
    from infrastructure.prometheus.metrics_page import MetricsPage

    return MetricsPage(metrics.shared.totals)


def choose_samples(
    settings: Settings, data_directory: Callable[[], "DataDirectory"], clock: Clock
) -> "SampleHistory":
    """In the data directory, whatever the storage: a restart does not lose them; or in memory."""
    if settings.storage == "memory":
        from infrastructure.memory.memory_samples import MemorySampleHistory

        return MemorySampleHistory(clock)
    from application.overview.sampled_numbers import NAMES

    return data_directory().samples(NAMES, clock)
