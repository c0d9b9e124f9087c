"""The context queues in SQLite: the embedded queue."""

import json
from collections.abc import Callable, Collection
from datetime import timedelta

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
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.queues import ALL_QUEUES, QueueName
from domain.routing import Route
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import context_from_json, context_to_json
from infrastructure.sqlite.rewrite_lock import waiting_for_rewrites
from infrastructure.sqlite.sqlite_schema import SqliteAdapter
from infrastructure.sqlite.statements import Statements

_PUBLISH = """
    INSERT INTO contexts (queue, request_id, publication, published_at, visible_at, context)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (request_id, publication, queue) DO NOTHING
"""
_NEXT = """
    SELECT sequence, receive_count + 1, context FROM contexts
    WHERE queue = ? AND context IS NOT NULL
      AND (visible_at <= ? OR (? AND receive_count = 0)) -- of the delayed, if they are wanted
    ORDER BY visible_at, sequence LIMIT ?
"""
_ONE = """
    SELECT sequence, receive_count + 1, context FROM contexts
    WHERE queue = ? AND request_id = ? AND publication = ? AND context IS NOT NULL
      AND (visible_at <= ? OR receive_count = 0)
"""
_HIDE = "UPDATE contexts SET visible_at = ?, receive_count = ? WHERE sequence = ?"
_ACKNOWLEDGE = """
    UPDATE contexts SET context = NULL
    WHERE queue = ? AND sequence = ? AND receive_count = ? AND receive_count > 0
      AND context IS NOT NULL
"""
_ERASE = "UPDATE contexts SET context = NULL WHERE request_id = ? AND context IS NOT NULL"
_FIND = """
    SELECT request_id FROM contexts
    WHERE context IS NOT NULL AND json_extract(context, '$.meta.channel_type') = ?
      AND json_extract(context, '$.message.from') IN (SELECT value FROM json_each(?))
    GROUP BY request_id ORDER BY min(sequence)
"""
_LOOK = """
    SELECT sequence, queue, context, published_at, visible_at, receive_count FROM contexts
    WHERE queue = ? AND context IS NOT NULL AND (visible_at, sequence) > (?, CAST(? AS INTEGER))
    ORDER BY visible_at, sequence LIMIT ?
"""
LOCATE = """
    SELECT sequence, queue, context, published_at, visible_at, receive_count FROM contexts
    WHERE request_id = ? AND context IS NOT NULL ORDER BY publication, queue
"""
ACKNOWLEDGED = """
    SELECT queue FROM contexts
    WHERE request_id = ? AND context IS NULL ORDER BY publication, queue
"""
_DEPTHS = """
    SELECT queue,
           sum(visible_at <= :now),
           sum(visible_at > :now AND receive_count = 0),
           sum(visible_at > :now AND receive_count > 0),
           min(published_at),
           max(iif(visible_at > :now AND receive_count > 0, visible_at, NULL))
    FROM contexts WHERE context IS NOT NULL GROUP BY queue
"""
_NO_TIMES = (None, None)


class SqliteContextQueue(
    SqliteAdapter, ContextPublisher, ContextReader, DelayedReader, SearchableQueue, VisibleQueue
):
    """Six queues in one table. A receipt is the row and the count of its deliveries.

    A consumer waits while an erasure rewrites the database; a publisher does not.
    """

    def __init__(self, database: Statements, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        text = context_to_json(context)
        now = self._clock()
        key = str(route.queue), context.request_id, context.publication
        times = rfc3339(now), rfc3339(now + route.delay)
        try:
            self._database.change(_PUBLISH, (*key, *times, text))
        except StorageUnavailableError as error:
            raise QueueRoutingError(f"{route.queue}: {error}") from error

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        rows = self._database.rows(_DEPTHS, {"now": rfc3339(self._clock())})
        depths = {name: counts for name, *counts in rows}
        return tuple(_depth(queue, *depths.get(str(queue), (0, 0, 0))) for queue in ALL_QUEUES)

    @override
    def receive(
        self,
        queue: QueueName,
        limit: int,
        *,
        visibility: timedelta = DEFAULT_VISIBILITY,
        include_delayed: bool = False,
    ) -> tuple[Delivery, ...]:
        return self._taken(
            queue, _NEXT, lambda now: (str(queue), now, include_delayed, limit), visibility
        )

    def _taken(
        self,
        queue: QueueName,
        sql: str,
        wanted: Callable[[str], tuple[object, ...]],
        visibility: timedelta = DEFAULT_VISIBILITY,
    ) -> tuple[Delivery, ...]:
        with waiting_for_rewrites(), self._database.write() as connection:
            now = self._clock()
            rows = connection.execute(sql, wanted(rfc3339(now))).fetchall()
            hidden_until = rfc3339(now + visibility)
            hidden = [(hidden_until, times, sequence) for sequence, times, _ in rows]
            connection.executemany(_HIDE, hidden)
        return tuple(
            Delivery(queue, f"{sequence}-{times}", times, context_from_json(text))
            for sequence, times, text in rows
        )

    @override
    def receive_with_delayed(
        self, queue: QueueName, limit: int, *, visibility: timedelta = DEFAULT_VISIBILITY
    ) -> tuple[Delivery, ...]:
        return self.receive(queue, limit, visibility=visibility, include_delayed=True)

    @override
    def take(self, queue: QueueName, request_id: str, publication: int) -> Delivery | None:
        taken = self._taken(queue, _ONE, lambda now: (str(queue), request_id, publication, now))
        return taken[0] if taken else None

    @override
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        sequence, _, receive_count = receipt.partition("-")
        delivery = (str(queue), sequence, receive_count)
        with waiting_for_rewrites():
            return self._database.change(_ACKNOWLEDGE, delivery) == 1

    @override
    def look(
        self, queue: QueueName, limit: int, *, after: str | None = None
    ) -> Page[WaitingContext]:
        list_name = f"queue {queue}"
        visible_at, sequence = ("", "") if after is None else read_cursor(list_name, after, 2)
        rows = self._database.rows(_LOOK, (str(queue), visible_at, sequence, limit + 1))
        cursor = None
        if len(rows) > limit:
            rows = rows[:limit]
            cursor = write_cursor(list_name, rows[-1][4], str(rows[-1][0]))
        return Page(tuple(map(_waiting, rows)), cursor)

    @override
    def locate(self, request_id: str) -> tuple[WaitingContext, ...]:
        return tuple(map(_waiting, self._database.rows(LOCATE, (request_id,))))

    @override
    def acknowledged(self, request_id: str) -> tuple[QueueName, ...]:
        rows = self._database.rows(ACKNOWLEDGED, (request_id,))
        return tuple(QueueName.parse(name) for (name,) in rows)

    @override
    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        """Reads all that waits."""
        rows = self._database.rows(_FIND, (channel, json.dumps([*senders])))
        return tuple(request_id for (request_id,) in rows)

    @override
    def erase(self, request_id: str) -> int:
        return self._database.change(_ERASE, (request_id,))


def _waiting(row: tuple[int, str, str, str, str, int]) -> WaitingContext:
    _, name, text, published_at, visible_at, receive_count = row
    queue = next(queue for queue in ALL_QUEUES if str(queue) == name)
    times = parse_rfc3339(published_at), parse_rfc3339(visible_at)
    return WaitingContext(queue, context_from_json(text), *times, receive_count)


def _depth(
    queue: QueueName, ready: int, delayed: int, in_flight: int, *times: str | None
) -> QueueDepth:
    oldest_at, held_until = (parse_rfc3339(time) if time else None for time in times or _NO_TIMES)
    return QueueDepth(queue, ready, delayed, in_flight, oldest_at, held_until)
