"""The spool in memory: forgets everything, keeps every other promise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from typing_extensions import override

from application.clock import Clock
from application.ports.spool import (
    SearchableSpool,
    Spool,
    SpoolDelivery,
    SpoolDepth,
    SpoolEntry,
    SpoolErasure,
    VisibleSpool,
    WaitingEntry,
    is_hidden,
)
from domain.errors import SpoolFullError

MAX_ENTRIES = 10_000


@dataclass(slots=True)
class _Backlog:
    entry: SpoolEntry
    hidden_until: datetime
    attempts: int = 0
    reason: str = ""

    def is_ready(self, now: datetime) -> bool:
        return self.attempts == 0 or not is_hidden(self.hidden_until, now)


class MemorySpool(Spool, SearchableSpool, VisibleSpool):
    """At most ``max_entries`` in a dictionary by id. A receipt is the count of deliveries."""

    def __init__(self, clock: Clock, max_entries: int = MAX_ENTRIES) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._lock = Lock()
        self._backlog: dict[str, _Backlog] = {}

    @override
    def enqueue(self, entry: SpoolEntry) -> None:
        with self._lock:
            if entry.entry_id in self._backlog:
                return
            if len(self._backlog) >= self._max_entries:
                raise SpoolFullError(f"the spool holds {self._max_entries} entries already")
            self._backlog[entry.entry_id] = _Backlog(entry, hidden_until=self._clock())

    @override
    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        with self._lock:
            now = self._clock()
            oldest: dict[str, _Backlog] = {}
            for one in sorted(self._backlog.values(), key=lambda one: one.entry.received_at):
                oldest.setdefault(one.entry.group, one)
            ready = [one for one in oldest.values() if one.is_ready(now)]
            return tuple(_deliver(one, now + visibility) for one in ready[:limit])

    @override
    def acknowledge(self, delivery: SpoolDelivery) -> None:
        with self._lock:
            if self._taken(delivery):
                del self._backlog[delivery.entry.entry_id]

    @override
    def release(self, delivery: SpoolDelivery, delay: timedelta, reason: str = "") -> None:
        with self._lock:
            if taken := self._taken(delivery):
                taken.reason = reason
                taken.hidden_until = self._clock() + delay

    def _taken(self, delivery: SpoolDelivery) -> _Backlog | None:
        """What ``delivery`` took, if no other worker has received it since."""
        backlog = self._backlog.get(delivery.entry.entry_id)
        return backlog if backlog and backlog.attempts == delivery.attempts else None

    @override
    def depth(self) -> SpoolDepth:
        with self._lock:
            times = [one.entry.received_at for one in self._backlog.values()]
            attempts = max((one.attempts for one in self._backlog.values()), default=0)
        return SpoolDepth(len(times), min(times, default=None), attempts=attempts)

    @override
    def look(self) -> Iterator[WaitingEntry]:
        with self._lock:
            found = list(self._backlog.values())
        for one in sorted(found, key=lambda one: one.entry.received_at, reverse=True):
            if one.entry.entry_id in self._backlog:
                reason = one.reason or one.entry.reason
                yield WaitingEntry(one.entry, one.attempts, reason, one.hidden_until)

    @override
    def erase(self, wanted: Callable[[SpoolEntry], bool]) -> SpoolErasure:
        with self._lock:
            found = [name for name, one in self._backlog.items() if wanted(one.entry)]
            for name in found:
                del self._backlog[name]
            return SpoolErasure(len(found))


def _deliver(backlog: _Backlog, hidden_until: datetime) -> SpoolDelivery:
    backlog.attempts += 1
    backlog.hidden_until = hidden_until
    return SpoolDelivery(backlog.entry, f"{backlog.attempts}", backlog.attempts)
