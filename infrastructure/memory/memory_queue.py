"""The context queues in memory: forget everything, keep every other promise."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from threading import Lock

from typing_extensions import override

from application.clock import Clock
from application.ports.context_queue import (
    DEFAULT_VISIBILITY,
    ContextPublisher,
    ContextReader,
    DelayedReader,
    Delivery,
    QueueDepth,
    SearchableQueue,
)
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.routing import ALL_QUEUES, QueueName, Route
from infrastructure.serialization.context_json import (
    EncodeContext,
    context_from_json,
    context_to_json,
)


@dataclass(slots=True)
class _Entry:
    """A context on its queue; as text, so that no caller can change it from outside."""

    sequence: int
    request_id: str
    text: str
    published_at: datetime
    visible_at: datetime
    receive_count: int = 0

    @property
    def receipt(self) -> str:
        """Names this delivery: the next one has another count, and so another receipt."""
        return f"{self.sequence}-{self.receive_count}"

    def is_ready(self, now: datetime) -> bool:
        return self.visible_at <= now

    def is_delayed(self, now: datetime) -> bool:
        return self.visible_at > now and self.receive_count == 0


class MemoryContextQueue(ContextPublisher, ContextReader, DelayedReader, SearchableQueue):
    """Six lists, and the keys of all that was ever published on each."""

    def __init__(self, clock: Clock, encode: EncodeContext = context_to_json) -> None:
        self._clock = clock
        self._encode = encode
        self._lock = Lock()
        self._sequence = count(1)
        self._published: set[tuple[QueueName, str]] = set()
        self._entries: dict[QueueName, list[_Entry]] = {queue: [] for queue in ALL_QUEUES}

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        text = self._encode(context)
        with self._lock:
            key = (route.queue, context.request_id)
            if key in self._published:
                return
            self._published.add(key)
            now = self._clock()
            entry = _Entry(next(self._sequence), context.request_id, text, now, now + route.delay)
            self._entries[route.queue].append(entry)

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        now = self._clock()
        with self._lock:
            return tuple(_depth(queue, self._entries[queue], now) for queue in ALL_QUEUES)

    @override
    def receive(
        self, queue: QueueName, limit: int, *, visibility: timedelta = DEFAULT_VISIBILITY
    ) -> tuple[Delivery, ...]:
        return self._receive(queue, limit, visibility, include_delayed=False)

    @override
    def receive_with_delayed(
        self, queue: QueueName, limit: int, *, visibility: timedelta = DEFAULT_VISIBILITY
    ) -> tuple[Delivery, ...]:
        return self._receive(queue, limit, visibility, include_delayed=True)

    def _receive(
        self, queue: QueueName, limit: int, visibility: timedelta, *, include_delayed: bool
    ) -> tuple[Delivery, ...]:
        with self._lock:
            now = self._clock()
            backlog = [
                entry
                for entry in self._entries[queue]
                if entry.is_ready(now) or (include_delayed and entry.is_delayed(now))
            ]
            backlog.sort(key=lambda entry: (entry.visible_at, entry.sequence))
            return tuple(_deliver(queue, entry, now + visibility) for entry in backlog[:limit])

    @override
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        with self._lock:
            retained = [
                e for e in self._entries[queue] if not e.receive_count or e.receipt != receipt
            ]
            removed = len(retained) < len(self._entries[queue])
            self._entries[queue] = retained
            return removed

    @override
    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        with self._lock:
            texts = [entry.text for entries in self._entries.values() for entry in entries]
        found = (
            context.request_id
            for context in map(context_from_json, texts)
            if context.channel_type is channel and context.message.sender in senders
        )
        return tuple(dict.fromkeys(found))

    @override
    def erase(self, request_id: str) -> int:
        with self._lock:
            before = sum(map(len, self._entries.values()))
            for queue, entries in self._entries.items():
                self._entries[queue] = [e for e in entries if e.request_id != request_id]
            return before - sum(map(len, self._entries.values()))


def _deliver(queue: QueueName, entry: _Entry, hidden_until: datetime) -> Delivery:
    entry.receive_count += 1
    entry.visible_at = hidden_until
    context = context_from_json(entry.text)
    return Delivery(queue, entry.receipt, entry.receive_count, context)


def _depth(queue: QueueName, entries: Sequence[_Entry], now: datetime) -> QueueDepth:
    ready = sum(entry.is_ready(now) for entry in entries)
    delayed = sum(entry.is_delayed(now) for entry in entries)
    oldest_at = min((entry.published_at for entry in entries), default=None)
    return QueueDepth(queue, ready, delayed, len(entries) - ready - delayed, oldest_at)
