"""From samples to what happened between them: restarts and gaps do not look like traffic."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.overview.sampled_numbers import COUNTERS
from application.ports.sample_history import Sample


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much the counters of one server grew from ``begun_at`` to ``ended_at``."""

    begun_at: datetime
    ended_at: datetime
    counts: Sequence[float]


class Growths:
    """The growth up to each sample, from the sample of the same server before it.

    A server that was started after ``since`` began with zero. Of one that was there before, the
    first sample only tells where it stood.
    """

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._latest: dict[datetime, Sample] = {}

    def add(self, sample: Sample) -> Growth | None:
        """Samples come in the order of their times."""
        before = self._latest.get(sample.started_at)
        self._latest[sample.started_at] = sample
        return self._between(before, sample)

    def look_ahead(self, sample: Sample) -> Growth | None:
        """The growth up to ``sample``, which is not added."""
        return self._between(self._latest.get(sample.started_at), sample)

    def _between(self, before: Sample | None, sample: Sample) -> Growth | None:
        counters = sample.numbers[: len(COUNTERS)]
        if before is None:
            begun_at = sample.started_at
            return Growth(begun_at, sample.at, counters) if begun_at >= self._since else None
        # A worker may count while its neighbour reads: its numbers are never less than before.
        counts = [max(count, 0.0) for count in map(operator.sub, counters, before.numbers)]
        return Growth(before.at, sample.at, counts)
