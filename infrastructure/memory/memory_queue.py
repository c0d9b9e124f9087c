"""The context queues in memory: forget everything, keep every other promise."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    VisibleQueue,
    WaitingContext,
)
from application.ports.pages import Page, read_cursor, write_cursor
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.queues import ALL_QUEUES, QueueName
from domain.routing import Route
from domain.times import rfc3339
from infrastructure.serialization.context_json import context_from_json, context_to_json


@dataclass(slots=True)
class _Entry:
    """A context on its queue; as text, so that no caller can change it from outside."""

    request_id: str
    publication: int
    text: str
    published_at: datetime
    visible_at: datetime
    receive_count: int = 0

    @property
    def receipt(self) -> str:
        """Names this delivery: the next one has another count, and so another receipt."""
        return f"{self.request_id}-{self.publication}-{self.receive_count}"


class MemoryContextQueue(
    ContextPublisher, ContextReader, DelayedReader, SearchableQueue, VisibleQueue
):
    """Six queues in one dictionary, by queue, request id and publication.

    What is done with leaves its key.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[tuple[QueueName, str, int], _Entry | None] = {}

    def _waiting(self, queue: QueueName) -> list[_Entry]:
        return [entry for (name, *_), entry in self._entries.items() if name == queue and entry]

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        text = context_to_json(context)
        with self._lock:
            now = self._clock()
            key = (context.request_id, context.publication)
            entry = _Entry(*key, text, now, now + route.delay)
            self._entries.setdefault((route.queue, *key), entry)

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        now = self._clock()
        with self._lock:
            return tuple(_depth(queue, self._waiting(queue), now) for queue in ALL_QUEUES)

    @override
    def receive(
        self,
        queue: QueueName,
        limit: int,
        *,
        visibility: timedelta = DEFAULT_VISIBILITY,
        include_delayed: bool = False,
    ) -> tuple[Delivery, ...]:
        with self._lock:
            now = self._clock()
            found = [
                entry
                for entry in self._waiting(queue)
                if entry.visible_at <= now or (include_delayed and not entry.receive_count)
            ]
            found.sort(key=lambda entry: entry.visible_at)
            return tuple(_deliver(queue, entry, now + visibility) for entry in found[:limit])

    @override
    def receive_with_delayed(
        self, queue: QueueName, limit: int, *, visibility: timedelta = DEFAULT_VISIBILITY
    ) -> tuple[Delivery, ...]:
        return self.receive(queue, limit, visibility=visibility, include_delayed=True)

    @override
    def take(self, queue: QueueName, request_id: str, publication: int) -> Delivery | None:
        with self._lock:
            now, entry = self._clock(), self._entries.get((queue, request_id, publication))
            if entry is None or (entry.visible_at > now and entry.receive_count):
                return None
            return _deliver(queue, entry, now + DEFAULT_VISIBILITY)

    @override
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        with self._lock:
            for entry in self._waiting(queue):
                if entry.receive_count and entry.receipt == receipt:
                    self._entries[queue, entry.request_id, entry.publication] = None
                    return True
        return False

    @override
    def look(
        self, queue: QueueName, limit: int, *, after: str | None = None
    ) -> Page[WaitingContext]:
        list_name = f"queue {queue}"
        place = read_cursor(list_name, after, 3) if after is not None else ()
        with self._lock:
            waiting = sorted(self._waiting(queue), key=_place)
        rest = [entry for entry in waiting if _place(entry) > place]
        is_last = len(rest) <= limit
        cursor = None if is_last else write_cursor(list_name, *_place(rest[limit - 1]))
        return Page(tuple(_seen(queue, entry) for entry in rest[:limit]), cursor)

    @override
    def locate(self, request_id: str) -> tuple[WaitingContext, ...]:
        with self._lock:
            found = [
                (entry.publication, str(queue), queue, entry)
                for (queue, *_), entry in self._entries.items()
                if entry and entry.request_id == request_id
            ]
        found.sort(key=lambda each: each[:2])
        return tuple(_seen(queue, entry) for *_, queue, entry in found)

    @override
    def acknowledged(self, request_id: str) -> tuple[QueueName, ...]:
        with self._lock:
            found = [
                (publication, str(queue), queue)
                for (queue, name, publication), entry in self._entries.items()
                if entry is None and name == request_id
            ]
        return tuple(queue for *_, queue in sorted(found, key=lambda each: each[:2]))

    @override
    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        with self._lock:
            texts = [entry.text for entry in self._entries.values() if entry]
        found = (
            context.request_id
            for context in map(context_from_json, texts)
            if context.channel_type is channel and context.message.sender in senders
        )
        return tuple(dict.fromkeys(found))

    @override
    def erase(self, request_id: str) -> int:
        with self._lock:
            keys = [key for key, entry in self._entries.items() if entry and key[1] == request_id]
            self._entries |= dict.fromkeys(keys)
        return len(keys)


def _deliver(queue: QueueName, entry: _Entry, hidden_until: datetime) -> Delivery:
    entry.receive_count += 1
    entry.visible_at = hidden_until
    return Delivery(queue, entry.receipt, entry.receive_count, context_from_json(entry.text))


def _place(entry: _Entry) -> tuple[str, ...]:
    return rfc3339(entry.visible_at), entry.request_id, f"{entry.publication:09}"


def _seen(queue: QueueName, entry: _Entry) -> WaitingContext:
    times = entry.published_at, entry.visible_at
    return WaitingContext(queue, context_from_json(entry.text), *times, entry.receive_count)


def _depth(queue: QueueName, entries: list[_Entry], now: datetime) -> QueueDepth:
    hidden = [entry for entry in entries if entry.visible_at > now]
    held = [entry.visible_at for entry in hidden if entry.receive_count]
    delayed = len(hidden) - len(held)
    oldest_at = min((entry.published_at for entry in entries), default=None)
    ready, held_until = len(entries) - len(hidden), max(held, default=None)
    return QueueDepth(queue, ready, delayed, len(held), oldest_at, held_until)
