"""Takes samples of a running server, so that a restart does not lose the day before it."""

from collections.abc import Callable
from datetime import datetime

from application.overview.sampled_numbers import counters_of, gauges_of, numbers_of
from application.ports.sample_history import INTERVAL, Sample
from entrypoints.composition.container import Container
from entrypoints.operations.gauges import Gauges, gauge_sources

SAMPLER_SECONDS = 10.0
"""How soon it is noticed that the next interval has begun."""


class Sampler:
    """Keeps one sample for each interval. Any worker's is as good as another's.

    What waits is read where that costs no requests to a service, and once ``may_read`` says so.
    """

    def __init__(self, container: Container, may_read: Callable[[], bool] = lambda: True) -> None:
        self._may_read = may_read
        self._container = container
        self._gauges = Gauges(gauge_sources(container)) if reads_for_free(container) else None
        self._latest: datetime | None = None
        self._waiting: dict[str, float] = {}

    def __call__(self) -> bool:
        """Keep a sample if the interval has none of this process yet; there is no more to do."""
        now = self._container.clock()()
        if self._latest is None or _interval(self._latest) != _interval(now):
            if self._gauges is not None and self._may_read():
                self._waiting = gauges_of(self._gauges())
            self.keep()
        return False

    def keep(self) -> None:
        """Keep what was counted, also in place of a sample of this interval: a server ends."""
        counters = counters_of(self._container.prometheus_metrics().series())
        self._latest = self._container.clock()()
        numbers = numbers_of(counters, self._waiting)
        self._container.operations().samples().keep(
            Sample(self._latest, self._container.started_at(), numbers)
        )


def _interval(moment: datetime) -> int:
    return int(moment.timestamp() // INTERVAL.total_seconds())


def reads_for_free(container: Container) -> bool:
    """Whether all that waits is on this machine."""
    settings = container.settings()
    return (
        settings.blobs_bucket is None
        and settings.spool_queue_url is None
        and settings.storage != "dynamodb"
        and settings.queue != "sqs"
    )
