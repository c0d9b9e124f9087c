"""Units of simultaneous threads are committed together, and stay apart in everything else."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from application.clock import Deadline, utc_now
from application.ports.context_queue import SearchableQueue
from application.ports.stores import Stores
from application.ports.unit_of_work import Unit, UnitOfWork
from domain.erasure import RetainedMessage
from domain.errors import ConcurrentUpdateError, StorageUnavailableError
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.sqlite.backend import SqliteBackend
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.database_file import WriteLockHeldError
from infrastructure.sqlite.grouped_commits import MAX_MEMBERS, GroupedCommits
from infrastructure.sqlite.rewrite_lock import RewriteLock, waiting_for_rewrites
from tests.builders import a_record
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import ContextQueue
from tests.contracts.moved_contexts import Desk, MoveContextContract
from tests.contracts.unit_of_work import AtomicUnitOfWorkContract, numbered, recording
from tests.infrastructure.sqlite.gathered_units import gathered


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
def database(path: Path, statements: list[str]) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(path, on_statement=statements.append)
    yield database
    database.close()


@pytest.fixture
def sqlite(database: SqliteDatabase) -> SqliteBackend:
    return SqliteBackend(Path(), lambda: database, utc_now, MemoryMetrics())


@pytest.fixture
def stores(sqlite: SqliteBackend) -> Stores:
    return sqlite.stores


@pytest.fixture
def units(sqlite: SqliteBackend) -> GroupedCommits:
    return sqlite.unit_of_work


class TestGroupedCommits(AtomicUnitOfWorkContract):
    @pytest.fixture
    def stores(self, sqlite: SqliteBackend) -> Stores:
        return sqlite.stores

    @pytest.fixture
    def units(self, sqlite: SqliteBackend) -> UnitOfWork:
        return sqlite.unit_of_work


class TestMoveInOneTransaction(MoveContextContract):
    @pytest.fixture
    def desk(self, sqlite: SqliteBackend) -> Desk:
        queue: ContextQueue = sqlite.context_queue
        return Desk(sqlite.stores, queue, queue, sqlite.unit_of_work)


def commits(statements: list[str]) -> int:
    return statements.count("COMMIT")


def test_units_that_gather_are_committed_once(
    stores: Stores,
    units: GroupedCommits,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infrastructure.sqlite.grouped_commits.LEAD_SECONDS", 30)
    records = [numbered(number) for number in range(32)]
    with gathered(units) as group:
        for record in records:
            group.add(recording(record))
        statements.clear()
    assert group.outcomes() == [record.request_id for record in records]
    assert commits(statements) == 1
    assert all(stores.messages.find_record(record.request_id) for record in records)


def test_group_has_a_largest_size(
    units: GroupedCommits, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.sqlite.grouped_commits.LEAD_SECONDS", 30)
    with gathered(units) as group:
        for number in range(MAX_MEMBERS + 10):
            group.add(recording(numbered(number)))
        statements.clear()
    assert len(group.outcomes()) == MAX_MEMBERS + 10
    assert commits(statements) == 2


def test_leader_that_has_worked_for_long_commits_and_another_one_leads(
    units: GroupedCommits, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.sqlite.grouped_commits.LEAD_SECONDS", -1)
    with gathered(units) as group:
        for number in range(5):
            group.add(recording(numbered(number)))
        statements.clear()
    assert len(group.outcomes()) == 5
    assert commits(statements) == 6


def test_failed_commit_is_the_error_of_every_member(
    stores: Stores, units: GroupedCommits, database: SqliteDatabase
) -> None:
    def end_the_transaction(unit: Unit) -> None:
        assert unit.is_atomic
        connection = database._writer
        assert connection is not None
        connection.set_authorizer(_deny_commit)

    with gathered(units) as group:
        for number in range(3):
            group.add(recording(numbered(number)))
        group.add(end_the_transaction)
    outcomes = group.outcomes()
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailableError}
    assert len({id(outcome) for outcome in outcomes}) == len(outcomes)
    assert all(stores.messages.find_record(numbered(n).request_id) is None for n in range(3))
    assert units.run(recording(numbered(4)), Deadline.after())


def _deny_commit(action: int, first: str | None, *_: object) -> int:
    is_commit = action == sqlite3.SQLITE_TRANSACTION and first == "COMMIT"
    return sqlite3.SQLITE_DENY if is_commit else sqlite3.SQLITE_OK


def test_transaction_that_the_engine_has_rolled_back_is_run_again_without_its_cause(
    stores: Stores, units: GroupedCommits, database: SqliteDatabase
) -> None:
    def roll_back(unit: Unit) -> None:
        unit.messages.record(numbered(9))
        connection = database._writer
        assert connection is not None
        connection.execute("ROLLBACK")

    with gathered(units) as group:
        group.add(recording(numbered(1)))
        group.add(roll_back)
        group.add(recording(numbered(2)))
    first, failed, last = group.outcomes()
    assert isinstance(failed, StorageUnavailableError)
    assert (first, last) == (numbered(1).request_id, numbered(2).request_id)
    assert stores.messages.find_record(first)
    assert stores.messages.find_record(last)
    assert stores.messages.find_record(numbered(9).request_id) is None


def test_member_that_is_killed_leaves_the_others_whole(
    stores: Stores, units: GroupedCommits
) -> None:
    def interrupt(_: Unit) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        units.run(interrupt, Deadline.after())
    assert units.run(recording(numbered(1)), Deadline.after())
    assert stores.messages.find_record(numbered(1).request_id)


def test_unit_fails_while_another_process_holds_the_lock(path: Path) -> None:
    database = SqliteDatabase(path, busy_timeout_seconds=0.05)
    units = GroupedCommits(database, utc_now)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        works = [partial(_error_of, units, number) for number in range(8)]
        assert {type(error) for error in at_once(works)} == {WriteLockHeldError}
    assert units.run(recording(numbered(1)), Deadline.after())
    database.close()


def _error_of(units: GroupedCommits, number: int) -> Exception | None:
    try:
        units.run(recording(numbered(number)), Deadline.after())
    except StorageUnavailableError as error:
        return error
    return None


def test_unit_fails_at_once_while_an_erasure_rewrites_the_file(
    path: Path, units: GroupedCommits
) -> None:
    with RewriteLock(path.parent).held(), pytest.raises(StorageUnavailableError):
        units.run(recording(numbered(1)), Deadline.after())


def test_patient_unit_waits_for_the_end_of_a_rewrite(path: Path, units: GroupedCommits) -> None:
    def run() -> str:
        with waiting_for_rewrites():
            return units.run(recording(numbered(1)), Deadline.after())

    with ThreadPoolExecutor(1) as pool:
        with RewriteLock(path.parent).held():
            future = pool.submit(run)
            with pytest.raises(StorageUnavailableError):
                units.run(recording(numbered(2)), Deadline.after())
            assert not future.done()
        assert future.result(10) == numbered(1).request_id


def test_retry_of_an_erased_message_publishes_nothing_that_has_to_be_taken_back(
    sqlite: SqliteBackend,
) -> None:
    queue = sqlite.context_queue
    assert isinstance(queue, SearchableQueue)
    desk = Desk(sqlite.stores, queue, queue, sqlite.unit_of_work)
    record = a_record()
    sqlite.stores.retention.erase(RetainedMessage.of(record))
    queue.erase(record.request_id)
    route = replace(desk.route, erase_context=lambda _: None)
    with pytest.raises(ConcurrentUpdateError):
        route.retry(record, Deadline.after())
    assert queue.erase(record.request_id) == 0


def test_size_of_each_committed_group_is_observed(database: SqliteDatabase) -> None:
    sizes: list[int] = []
    units = GroupedCommits(database, utc_now, sizes.append)
    with gathered(units) as group:
        group.add(lambda _: None)
        group.add(lambda _: 1 / 0)
        group.add(lambda _: None)
    assert [type(outcome) for outcome in group.outcomes()].count(ZeroDivisionError) == 1
    assert sum(sizes) == 3
    assert 0 not in sizes


def test_size_of_a_group_that_is_not_committed_is_not_observed(database: SqliteDatabase) -> None:
    sizes: list[int] = []
    units = GroupedCommits(database, utc_now, sizes.append)
    with pytest.raises(ZeroDivisionError):
        units.run(lambda _: 1 / 0, Deadline.after())
    assert sizes == []
