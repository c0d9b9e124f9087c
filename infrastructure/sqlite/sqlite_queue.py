"""The context queues in a SQLite file of their own: the embedded queue."""

import json
from collections.abc import Collection, Sequence
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
)
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.routing import ALL_QUEUES, QueueName, Route
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import (
    EncodeContext,
    context_from_json,
    context_to_json,
)
from infrastructure.sqlite.database import Migration, SqliteDatabase

MIGRATIONS: Sequence[Migration] = (
    (
        # A row outlives its acknowledgement, without the context: it remembers the key.
        """
        CREATE TABLE contexts (
            sequence INTEGER PRIMARY KEY,
            queue TEXT NOT NULL,
            request_id TEXT NOT NULL,
            published_at TEXT NOT NULL,
            visible_at TEXT NOT NULL,
            receive_count INTEGER NOT NULL DEFAULT 0,
            context TEXT,
            UNIQUE (queue, request_id)
        ) STRICT
        """,
        """
        CREATE INDEX waiting_contexts ON contexts (queue, visible_at, sequence)
        WHERE context IS NOT NULL
        """,
    ),
    (
        """
        CREATE INDEX contexts_of_message ON contexts (request_id) WHERE context IS NOT NULL
        """,
    ),
)

_PUBLISH = """
    INSERT INTO contexts (queue, request_id, published_at, visible_at, context)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (queue, request_id) DO NOTHING
"""
_NEXT = """
    SELECT sequence, receive_count + 1, context FROM contexts
    WHERE queue = :queue AND context IS NOT NULL
      AND (visible_at <= :now OR (:include_delayed AND receive_count = 0))
    ORDER BY visible_at, sequence LIMIT :limit
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
_DEPTHS = """
    SELECT queue,
           sum(visible_at <= :now),
           sum(visible_at > :now AND receive_count = 0),
           sum(visible_at > :now AND receive_count > 0),
           min(published_at)
    FROM contexts WHERE context IS NOT NULL GROUP BY queue
"""


class SqliteContextQueue(ContextPublisher, ContextReader, DelayedReader, SearchableQueue):
    """Six queues in one table. A receipt is the row and the count of its deliveries."""

    def __init__(
        self, database: SqliteDatabase, clock: Clock, encode: EncodeContext = context_to_json
    ) -> None:
        self._database = database
        self._encode = encode
        self._clock = clock
        database.migrate(MIGRATIONS)

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        text = self._encode(context)
        now = self._clock()
        row = (
            str(route.queue),
            context.request_id,
            rfc3339(now),
            rfc3339(now + route.delay),
            text,
        )
        try:
            with self._database.write() as connection:
                connection.execute(_PUBLISH, row)
        except StorageUnavailableError as error:
            raise QueueRoutingError("the context could not be put on its queue") from error

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        with self._database.read() as connection:
            rows = connection.execute(_DEPTHS, {"now": rfc3339(self._clock())}).fetchall()
        depths = {name: counts for name, *counts in rows}
        return tuple(_depth(queue, *depths.get(str(queue), _EMPTY)) for queue in ALL_QUEUES)

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
        with self._database.write() as connection:
            now = self._clock()
            wanted = {
                "queue": str(queue),
                "now": rfc3339(now),
                "include_delayed": include_delayed,
                "limit": limit,
            }
            rows = connection.execute(_NEXT, wanted).fetchall()
            hidden_until = rfc3339(now + visibility)
            connection.executemany(
                _HIDE, [(hidden_until, times, sequence) for sequence, times, _ in rows]
            )
        return tuple(
            Delivery(queue, f"{sequence}-{times}", times, context_from_json(text))
            for sequence, times, text in rows
        )

    @override
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        sequence, _, receive_count = receipt.partition("-")
        delivery = (str(queue), sequence, receive_count)
        with self._database.write() as connection:
            return connection.execute(_ACKNOWLEDGE, delivery).rowcount == 1

    @override
    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        """Reads all that waits."""
        with self._database.read() as connection:
            rows = connection.execute(_FIND, (channel, json.dumps([*senders]))).fetchall()
        return tuple(request_id for (request_id,) in rows)

    @override
    def erase(self, request_id: str) -> int:
        with self._database.write() as connection:
            return connection.execute(_ERASE, (request_id,)).rowcount


_EMPTY = (0, 0, 0, None)


def _depth(
    queue: QueueName, ready: int, delayed: int, in_flight: int, oldest_at: str | None
) -> QueueDepth:
    oldest = parse_rfc3339(oldest_at) if oldest_at else None
    return QueueDepth(queue, ready, delayed, in_flight, oldest)
