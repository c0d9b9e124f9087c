"""The figures of the overview: from samples of the last day, and from this moment.

However many pages are open, and however often they ask, a backend is read every two seconds at
most and for a 500th of the time, and the samples a few times a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from application.overview.growth import Growths
from application.overview.sampled_numbers import counters_of, gauges_of, numbers_of
from application.overview.timeline import Span, Timeline, timeline_of
from application.ports.metrics import Reading
from application.ports.sample_history import Sample
from entrypoints.composition.container import Container
from entrypoints.http.console.overview.causes import Causes, FindCauses
from entrypoints.operations.gauges import Gauges, Pace, gauge_sources
from entrypoints.operations.sampler import reads_for_free

PACE = Pace(fresh_seconds=2.0, times_of_reading=500)
WAIT_SECONDS = 1.0
"""How long a page waits for a backend. Then it shows what it knew."""

_STEPS_OF_REFRESH = 6


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A source that does not answer now. ``known_at`` is when it last did, if it ever did.

    ``reason`` is why, as the backend says it; empty if it does not.
    """

    source: str
    known_at: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Figures:
    """What the overview shows. ``waiting`` has what is known of the gauges, by their names."""

    now: datetime
    timeline: Timeline
    waiting: Mapping[str, float]
    unanswered: tuple[Unanswered, ...]
    started_at: datetime
    sampled_since: datetime | None
    is_sampled: bool
    """Whether samples also hold what waits."""
    notice: str | None
    causes: Causes = field(default_factory=dict)
    """Why it waits, as far as that is known."""


@dataclass(frozen=True, slots=True)
class _Past:
    """What the samples tell, as they were read at a moment."""

    read_at: datetime
    timeline: Timeline
    growths: Growths
    first_at: datetime | None


class Overview:
    """The figures of one front desk, for all pages that look at it."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._gauges = Gauges(gauge_sources(container), pace=PACE, wait_seconds=WAIT_SECONDS)
        self._find_causes = FindCauses(container, PACE, WAIT_SECONDS)
        self._known: dict[str, tuple[tuple[Reading, ...], datetime]] = {}
        self._pasts: dict[Span, _Past] = {}
        self._lock = Lock()

    def figures(self, span: Span) -> Figures:
        """What there is now, and what was within ``span``. Waits for two seconds at most."""
        by_source, failures = self._gauges.by_source(), self._gauges.failures()
        container, now = self._container, self._container.clock()()
        with self._lock:
            self._known |= {
                source: (readings, now)
                for source, readings in by_source.items()
                if readings is not None
            }
            known = dict(self._known)
            past = self._past(span, now)
        answered = {source: readings for source, readings in by_source.items() if readings}
        counters = counters_of(container.prometheus_metrics().series())
        present = gauges_of(_flat(answered))
        causes = self._find_causes(present)
        live = Sample(now, container.started_at(), numbers_of(counters, present))
        timeline = past.timeline.copy()
        timeline.grow(past.growths.look_ahead(live), now)
        timeline.wait(live)
        return Figures(
            now,
            timeline,
            gauges_of(_flat({source: readings for source, (readings, _) in known.items()})),
            tuple(
                Unanswered(
                    source,
                    known[source][1] if source in known else None,
                    failures.get(source, ""),
                )
                for source, readings in by_source.items()
                if readings is None
            ),
            container.started_at(),
            past.first_at,
            reads_for_free(container),
            container.operations().samples().notice(),
            causes,
        )

    def _past(self, span: Span, now: datetime) -> _Past:
        past = self._pasts.get(span)
        fresh = timedelta(seconds=span.step_seconds / _STEPS_OF_REFRESH)
        if (
            past is None
            or past.timeline.last != span.step_of(now)
            or not past.read_at <= now < past.read_at + fresh
        ):
            # One sample from before the first step tells where the counters stood.
            since = now - timedelta(hours=span.hours, seconds=span.step_seconds)
            samples = self._container.operations().samples().since(since)
            timeline, growths = timeline_of(samples, span, now)
            past = _Past(now, timeline, growths, samples[0].at if samples else None)
            self._pasts[span] = past
        return past


def _flat(by_source: Mapping[str, tuple[Reading, ...]]) -> list[Reading]:
    return [reading for readings in by_source.values() for reading in readings]
