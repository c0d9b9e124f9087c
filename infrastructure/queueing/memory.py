"""Queues in this process: for tests and ``serve --ephemeral``."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.clock import Clock
from application.ports.queueing import ContextPublisher, ContextReader, Delivery, QueueDepth
from domain.context import ContextObject
from domain.routing import ALL_QUEUES, QueueName, Route
from infrastructure.wire import context_from_json, context_to_json


@dataclass(slots=True)
class _Entry:
    body: str
    sent_at: datetime
    visible_at: datetime
    receipt: str | None = None
    receive_count: int = 0


class MemoryContextQueue(ContextPublisher, ContextReader):
    """Contexts in their wire form, in the order in which they become visible."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._entries: Final[dict[QueueName, list[_Entry]]] = {queue: [] for queue in ALL_QUEUES}
        self._keys: Final[set[tuple[QueueName, str]]] = set()

    def publish(self, context: ContextObject, route: Route) -> None:
        """Put ``context`` on its queue, once per queue."""
        now = self._clock()
        entry = _Entry(context_to_json(context), now, now + route.delay)
        with self._lock:
            key = route.queue, context.request_id
            if key not in self._keys:
                self._keys.add(key)
                self._entries[route.queue].append(entry)

    def depths(self) -> tuple[QueueDepth, ...]:
        """The depth of each queue."""
        with self._lock:
            return tuple(self._depth(queue) for queue in ALL_QUEUES)

    def _depth(self, queue: QueueName) -> QueueDepth:
        now = self._clock()
        entries = self._entries[queue]
        ready = sum(entry.visible_at <= now for entry in entries)
        delayed = sum(entry.visible_at > now and entry.receipt is None for entry in entries)
        oldest = min((entry.sent_at for entry in entries), default=None)
        return QueueDepth(queue, ready, delayed, len(entries) - ready - delayed, oldest)

    def receive(
        self,
        queue: QueueName,
        limit: int,
        *,
        visibility: timedelta = timedelta(seconds=30),
        include_delayed: bool = False,
    ) -> tuple[Delivery, ...]:
        """Take what is visible, earliest first."""
        with self._lock:
            return tuple(self._take(queue, limit, visibility, include_delayed=include_delayed))

    def _take(
        self, queue: QueueName, limit: int, visibility: timedelta, *, include_delayed: bool
    ) -> Iterator[Delivery]:
        now = self._clock()
        entries = sorted(self._entries[queue], key=lambda entry: entry.visible_at)
        available = [
            entry
            for entry in entries
            if entry.visible_at <= now or (include_delayed and entry.receipt is None)
        ]
        for entry in available[:limit]:
            entry.visible_at = now + visibility
            entry.receipt = uuid.uuid4().hex
            entry.receive_count += 1
            yield Delivery(queue, entry.receipt, entry.receive_count, context_from_json(entry.body))

    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        """Remove a delivered context."""
        with self._lock:
            left = [entry for entry in self._entries[queue] if entry.receipt != receipt]
            found = len(left) < len(self._entries[queue])
            self._entries[queue] = left
            return found
