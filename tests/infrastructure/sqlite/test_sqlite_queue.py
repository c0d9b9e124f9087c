"""The queues in SQLite fulfil the contract, and their contexts are durable."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from application.clock import utc_now
from application.ports.stores import Stores
from domain.errors import QueueRoutingError, StorageUnavailableError
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.serialization.context_json import context_to_json
from infrastructure.sqlite.backend import SqliteBackend
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.rewrite_lock import RewriteLock
from infrastructure.sqlite.sqlite_queue import SqliteContextQueue
from infrastructure.sqlite.sqlite_schema import MIGRATIONS
from tests.contracts.context_queue import (
    AT_ONCE,
    REPLIES,
    ContextQueue,
    EmbeddedQueueContract,
    ManualClock,
    a_context,
    depth_of,
    request_ids,
)
from tests.contracts.moved_contexts import MoveContextContract


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
def database(tmp_path: Path, statements: list[str]) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "frontdesk.db", on_statement=statements.append)
    yield database
    database.close()


class TestSqliteContextQueue(EmbeddedQueueContract):
    @pytest.fixture
    def queue(self, clock: ManualClock, database: SqliteDatabase) -> ContextQueue:
        return SqliteContextQueue(database, clock)


class TestSqliteMoveContext(MoveContextContract):
    @pytest.fixture
    def backend(self, database: SqliteDatabase) -> tuple[Stores, ContextQueue]:
        backend = SqliteBackend(Path(), lambda: database, utc_now, MemoryMetrics())
        return backend.stores, backend.context_queue


def test_contexts_and_request_ids_are_stored_when_the_file_is_opened_again(tmp_path: Path) -> None:
    before = SqliteDatabase(tmp_path / "frontdesk.db")
    SqliteContextQueue(before, ManualClock()).publish(a_context(), AT_ONCE)
    before.close()
    after = SqliteDatabase(tmp_path / "frontdesk.db")
    queue = SqliteContextQueue(after, ManualClock())
    queue.publish(a_context(), AT_ONCE)
    received = request_ids(queue.receive(REPLIES, 10))
    after.close()
    assert received == ["request-1"]


def test_contexts_of_an_older_file_stay_the_first_publication(tmp_path: Path) -> None:
    older = SqliteDatabase(tmp_path / "frontdesk.db")
    older.migrate(MIGRATIONS[:1])
    moment = "2026-03-04T12:00:00.000000Z"
    rows = [("acknowledged", None), ("request-1", context_to_json(a_context()))]
    with older.write() as connection:
        connection.executemany(
            "INSERT INTO contexts (queue, request_id, published_at, visible_at, receive_count, "
            "context) VALUES (?, ?, ?, ?, 1, ?)",
            [(str(REPLIES), name, moment, moment, context) for name, context in rows],
        )
    older.close()
    database = SqliteDatabase(tmp_path / "frontdesk.db")
    queue = SqliteContextQueue(database, ManualClock())
    for name in ("acknowledged", "request-1"):
        queue.publish(a_context(name), AT_ONCE)
    assert depth_of(queue).ready == 1
    assert queue.acknowledge(REPLIES, "2-1")
    assert depth_of(queue).ready == 0
    database.close()


def test_publish_to_a_closed_database_raises_a_routing_error(database: SqliteDatabase) -> None:
    queue = SqliteContextQueue(database, ManualClock())
    database.close()
    with pytest.raises(QueueRoutingError) as caught:
        queue.publish(a_context(), AT_ONCE)
    assert isinstance(caught.value.__cause__, StorageUnavailableError)


def test_reading_a_closed_queue_database_raises_unavailable_storage(
    database: SqliteDatabase,
) -> None:
    queue = SqliteContextQueue(database, ManualClock())
    database.close()
    with pytest.raises(StorageUnavailableError):
        queue.receive(REPLIES, 1)
    with pytest.raises(StorageUnavailableError):
        queue.acknowledge(REPLIES, "1-1")
    with pytest.raises(StorageUnavailableError):
        queue.depths()


def test_consumers_wait_while_an_erasure_rewrites_the_database_and_publishers_do_not(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    queue = SqliteContextQueue(database, ManualClock())
    queue.publish(a_context(), AT_ONCE)

    def consume() -> None:
        (delivery,) = queue.receive(REPLIES, 10)
        assert queue.acknowledge(REPLIES, delivery.receipt)

    with ThreadPoolExecutor(1) as pool:
        with RewriteLock(tmp_path).held():
            consumed = pool.submit(consume)
            with pytest.raises(QueueRoutingError):
                queue.publish(a_context("request-2"), AT_ONCE)
            with pytest.raises(TimeoutError):
                consumed.result(timeout=0.2)
        consumed.result(timeout=30)


def test_publish_takes_one_short_transaction(
    database: SqliteDatabase, statements: list[str]
) -> None:
    queue = SqliteContextQueue(database, ManualClock())
    statements.clear()
    queue.publish(a_context(), AT_ONCE)
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "INSERT", "COMMIT"]


def test_contexts_of_a_message_are_found_by_their_unique_key(database: SqliteDatabase) -> None:
    SqliteContextQueue(database, ManualClock())
    plan = str(
        database.rows(
            "EXPLAIN QUERY PLAN UPDATE contexts SET context = NULL"
            " WHERE request_id = 'a' AND context IS NOT NULL"
        )
    )
    assert "(request_id=?)" in plan
    assert len(database.rows("PRAGMA index_list(contexts)")) == 2


def test_receive_neither_scans_nor_sorts(database: SqliteDatabase) -> None:
    SqliteContextQueue(database, ManualClock())
    with database.read() as connection:
        plan = str(
            connection.execute(
                "EXPLAIN QUERY PLAN SELECT * FROM contexts WHERE queue = 'a' AND visible_at <= 'b'"
                " AND context IS NOT NULL ORDER BY visible_at, sequence LIMIT 10"
            ).fetchall()
        )
    assert "waiting_contexts" in plan
    assert "TEMP B-TREE" not in plan


def test_depths_read_the_index_alone(database: SqliteDatabase, statements: list[str]) -> None:
    """A row of the table holds a context, and there may be hundreds of thousands."""
    queue = SqliteContextQueue(database, ManualClock())
    queue.publish(a_context(), AT_ONCE)
    statements.clear()
    queue.depths()
    (statement,) = statements
    with database.read() as connection:
        program = connection.execute(f"EXPLAIN {statement}").fetchall()
    # Cursor 0 is that of the table.
    read = {cursor for _, operation, cursor, *_ in program if operation == "Column"}
    assert read
    assert 0 not in read
