"""What waits, as gauges: read when a scrape asks, within limits that keep the store free."""

import logging
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from threading import Lock, Thread
from typing import Generic, TypeVar

from application.ports.metrics import Reading
from domain.errors import WebhookHandlerError
from entrypoints.composition.container import Container
from entrypoints.operations.queue_checks import held_seconds

logger = logging.getLogger(__name__)

MOST = 1_000
"""More pending messages, unmatched ones or dead letters are not counted."""

FRESH_SECONDS = 5.0
"""How long a reading is given again: several may scrape, and one that tries often."""

TIMES_OF_READING = 20
"""A reading that took long is given again for so many times as long."""

WAIT_SECONDS = 5.0
"""How long a scrape waits for what is read: Prometheus itself waits for 10 s by default."""

Found = TypeVar("Found")

Read = Callable[[], Iterable[Reading]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a source is read, however often it is asked for."""

    fresh_seconds: float = FRESH_SECONDS
    times_of_reading: float = TIMES_OF_READING

    def pause_after(self, reading_seconds: float) -> float:
        """How long the reading that took so long is given again."""
        return max(self.fresh_seconds, self.times_of_reading * reading_seconds)


class Sources(Generic[Found]):
    """Reads each source on a thread of its own; what does not answer in time is left out.

    However often it is asked, a source is read no more often than ``pace`` allows. Of many who ask
    at once, one reads and the others wait for it.
    """

    def __init__(
        self,
        sources: Mapping[str, Callable[[], Iterable[Found]]],
        *,
        pace: Pace = Pace(),
        monotonic: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._sources = [_Source(name, read, pace, monotonic) for name, read in sources.items()]
        self._wait_seconds = wait_seconds
        self._lock = Lock()

    def by_source(self) -> dict[str, tuple[Found, ...] | None]:
        """What was read of each source, ``None`` of one that does not answer."""
        with self._lock:
            ends_at = time.monotonic() + self._wait_seconds
            for source in self._sources:
                source.begin()
            return {
                source.name: source.wait(max(ends_at - time.monotonic(), 0))
                for source in self._sources
            }

    def failures(self) -> dict[str, str]:
        """Why sources do not answer: of those alone that say so in words of ours."""
        return {source.name: source.failure for source in self._sources if source.failure}


class Gauges(Sources[Reading]):
    """What waits, as readings. For each source ``scrape_errors`` says whether it is left out.

    A source is read at most once in five seconds, and for a twentieth of the time at most.
    """

    def __call__(self) -> list[Reading]:
        """The readings of all sources that answer."""
        readings: list[Reading] = []
        for source, found in self.by_source().items():
            readings += found or ()
            readings.append(Reading("scrape_errors", float(found is None), {"source": source}))
        return readings


class _Source(Generic[Found]):
    """What one backend tells, and for how long that is good enough."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Iterable[Found]],
        pace: Pace,
        monotonic: Callable[[], float],
    ) -> None:
        self.name = name
        self.failure = ""
        self._read = read
        self._pace = pace
        self._monotonic = monotonic
        self._thread: Thread | None = None
        self._readings: tuple[Found, ...] | None = ()
        self._due_at = float("-inf")

    def begin(self) -> None:
        """Read again if it is time, unless the reading before still goes on."""
        if self._thread is None and self._monotonic() >= self._due_at:
            thread = Thread(target=self._run, name=f"metrics {self.name}", daemon=True)
            thread.start()
            self._thread = thread

    def wait(self, seconds: float) -> tuple[Found, ...] | None:
        """The latest readings; ``None`` if it failed, or does not end within ``seconds``."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                return None
            self._thread = None
        return self._readings

    def _run(self) -> None:
        begun_at = self._monotonic()
        failed_before = self._readings is None
        try:
            self._readings = (*self._read(),)
            self.failure = ""
        except Exception as error:
            # An engine may answer in any form. The other sources go on.
            self._readings = None
            self.failure = str(error) if isinstance(error, WebhookHandlerError) else ""
            if not failed_before:
                extra = {"task": f"metrics {self.name}", "error": type(error).__name__}
                logger.warning("gauges cannot be read", extra=extra, exc_info=error)
        ended_at = self._monotonic()
        self._due_at = ended_at + self._pace.pause_after(ended_at - begun_at)


def gauge_sources(container: Container) -> dict[str, Read]:
    """What is read at a scrape, each source apart. Nothing is made or taken."""
    return {
        "build": lambda: _build(container),
        "queues": lambda: _queues(container),
        "store": lambda: _store(container),
        "spool": lambda: _spool(container),
        "dead_letters": lambda: _dead_letters(container),
    }


def _build(container: Container) -> Iterator[Reading]:
    settings = container.settings()
    versions = {"version": version("frontdesk"), "python": platform.python_version()}
    yield Reading(
        "build_info", 1, {**versions, "storage": settings.storage, "queue": settings.queue}
    )


def _queues(container: Container) -> Iterator[Reading]:
    now = container.clock()()
    for depth in container.context_queue().depths():
        queue = {"queue": str(depth.queue)}
        states = {"ready": depth.ready, "delayed": depth.delayed, "taken": depth.in_flight}
        for state, number in states.items():
            yield Reading("queue_contexts", number, {**queue, "state": state})
        yield from _age("queue_oldest_seconds", now, depth.oldest_at, sum(states.values()), queue)
        if depth.held_until is not None or not depth.in_flight:
            yield Reading("queue_held_seconds", held_seconds(depth, now), queue)


def _store(container: Container) -> Iterator[Reading]:
    now = container.clock()()
    backlog = container.stores().backlog.count(MOST)
    yield Reading("pending_messages", backlog.pending)
    yield from _age("pending_oldest_seconds", now, backlog.oldest_pending_at, backlog.pending)
    yield Reading("unmatched_messages", backlog.unmatched)


def _spool(container: Container) -> Iterator[Reading]:
    now = container.clock()()
    depth = container.spool().depth()
    yield Reading("spool_entries", depth.entries)
    yield from _age("spool_oldest_seconds", now, depth.oldest_at, depth.entries)
    yield Reading("spool_broken_entries", depth.broken)


def _dead_letters(container: Container) -> Iterator[Reading]:
    yield Reading("stored_dead_letters", container.dead_letters().count(MOST))


def _age(
    name: str,
    now: datetime,
    oldest_at: datetime | None,
    number: int,
    dimensions: Mapping[str, str] | None = None,
) -> Iterator[Reading]:
    """How old the oldest is, where the backend tells; of nothing it is 0."""
    if oldest_at is not None or number == 0:
        seconds = (now - oldest_at).total_seconds() if oldest_at else 0.0
        yield Reading(name, max(seconds, 0.0), dimensions or {})
