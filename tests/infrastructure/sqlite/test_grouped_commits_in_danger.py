"""What goes wrong with one unit, or with all of a group, never stops those that come later."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from application.clock import Deadline, utc_now
from application.ports.unit_of_work import Unit
from domain.errors import DeadlineExceededError, StorageUnavailableError, TemporaryError
from domain.messages import MessageRecord
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.grouped_commits import GroupedCommits
from infrastructure.sqlite.rewrite_lock import RewriteLock, waiting_for_rewrites
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore
from tests.builders import a_record, an_inbound_message
from tests.contracts.unit_of_work import numbered, recording
from tests.infrastructure.sqlite.gathered_units import gathered

LEAD_SECONDS = "infrastructure.sqlite.grouped_commits.LEAD_SECONDS"


class UnreliableDatabase(SqliteDatabase):
    """Each of ``errors`` ends one transaction: before its BEGIN, its COMMIT, or after it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.errors: Iterator[tuple[str, BaseException] | None] = iter(())

    @contextmanager
    def write(self, *, for_many: bool = False) -> Iterator[sqlite3.Connection]:
        """See ``SqliteDatabase``."""
        moment, error = next(self.errors, None) or ("", Exception())
        if moment == "begin":
            raise error
        with super().write(for_many=for_many) as connection:
            yield connection
            if moment == "commit":
                raise error
        if moment == "committed":
            raise error


@pytest.fixture
def database(path: Path) -> Iterator[UnreliableDatabase]:
    database = UnreliableDatabase(path)
    yield database
    database.close()


@pytest.fixture
def units(database: SqliteDatabase) -> GroupedCommits:
    return GroupedCommits(database, utc_now)


@pytest.fixture
def messages(database: SqliteDatabase) -> SqliteMessageStore:
    return SqliteMessageStore(database)


def failing(_: Unit) -> None:
    raise LookupError("a bug")


@pytest.mark.parametrize("moment", ["begin", "commit", "committed"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), LookupError()])
def test_thread_that_ends_while_it_leads_passes_the_leadership_on(
    database: UnreliableDatabase, units: GroupedCommits, moment: str, error: BaseException
) -> None:
    database.errors = iter([(moment, error)])
    with pytest.raises(type(error)):
        units.run(recording(numbered(1)), Deadline.after())
    assert units.run(recording(numbered(2)), Deadline.after(5))


def test_thread_that_has_left_is_never_the_leader(
    units: GroupedCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_left = Event()

    def wait_for_its_own_end(_: Unit) -> None:
        has_left.wait(10)

    def fail_and_let_each_commit_alone(_: Unit) -> None:
        monkeypatch.setattr(LEAD_SECONDS, -1)
        raise LookupError

    monkeypatch.setattr(LEAD_SECONDS, 30)
    with gathered(units) as group:
        group.add(wait_for_its_own_end, Deadline.after(0.5))
        group.add(fail_and_let_each_commit_alone)
        future = group.futures[0]
        future.add_done_callback(lambda _: has_left.set())
    left, failed = group.outcomes()
    assert isinstance(left, DeadlineExceededError)
    assert isinstance(failed, LookupError)
    assert units.run(recording(numbered(1)), Deadline.after(5))


def test_unit_whose_time_is_over_takes_nothing_back(
    units: GroupedCommits, messages: SqliteMessageStore
) -> None:
    now = [0.0]
    ran: list[int] = []
    with gathered(units) as group:
        group.add(lambda _: ran.append(1))
        group.add(lambda _: ran.append(2), Deadline(0.5, lambda: now[0]))
        group.add(recording(numbered(3)))
        now[0] = 1.0
    outcomes = group.outcomes()
    assert isinstance(outcomes[1], DeadlineExceededError)
    assert ran == [1]
    assert messages.find_record(numbered(3).request_id)


def test_unit_runs_twice_at_most_however_many_others_fail(
    units: GroupedCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: Counter[int] = Counter()

    def counted(number: int, _: Unit) -> None:
        runs[number] += 1

    monkeypatch.setattr(LEAD_SECONDS, 30)
    with gathered(units) as group:
        for number in range(20):
            group.add(partial(counted, number))
            group.add(failing)
    assert len([one for one in group.outcomes() if isinstance(one, LookupError)]) == 20
    assert set(runs) == set(range(20))
    assert max(runs.values()) == 2


def test_unit_that_fills_the_disk_leaves_the_others_whole(
    database: UnreliableDatabase, units: GroupedCommits, messages: SqliteMessageStore
) -> None:
    """The engine rolls back the transaction by itself, as it does on a full disk."""
    large = a_record(replace(an_inbound_message(message_id="SM9"), body="x" * 1_000_000))

    def fill(unit: Unit) -> None:
        connection = database._writer
        assert connection is not None
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 10}")
        unit.messages.record(large)

    with gathered(units) as group:
        group.add(recording(numbered(1)))
        group.add(fill)
        group.add(recording(numbered(2)))
    first, failed, last = group.outcomes()
    assert isinstance(failed, StorageUnavailableError)
    assert isinstance(failed.__cause__, sqlite3.OperationalError)
    assert failed.__cause__.sqlite_errorcode == sqlite3.SQLITE_FULL
    assert messages.find_record(first)
    assert messages.find_record(last)
    assert messages.find_record(large.request_id) is None


def test_database_that_is_closed_meanwhile_leaves_no_thread_waiting(
    path: Path, database: UnreliableDatabase, units: GroupedCommits
) -> None:
    closing_thread = Thread(target=database.close)
    with gathered(units) as group:
        for number in range(3):
            group.add(recording(numbered(number)))
        closing_thread.start()
        group.add(recording(numbered(3)))
    closing_thread.join(10)
    done = [one for one in group.outcomes() if not isinstance(one, StorageUnavailableError)]
    with closing(SqliteDatabase(path)) as other:
        assert all(SqliteMessageStore(other).find_record(request_id) for request_id in done)
    with pytest.raises(StorageUnavailableError):
        units.run(recording(numbered(5)), Deadline.after(5))


THREADS = 200
UNITS_OF_EACH = 5


class Storm:
    """Many threads whose units fail at random, over a database that fails at random."""

    def __init__(self, database: UnreliableDatabase, units: GroupedCommits, seed: int) -> None:
        self._database = database
        self._units = units
        self._chance = random.Random(seed)
        database.errors = iter(self._errors, "never")

    def _errors(self) -> tuple[str, BaseException] | None:
        moment = self._chance.choice(["begin", "commit", "committed", *[""] * 30])
        return (moment, StorageUnavailableError("at random")) if moment else None

    def outcome(self, record: MessageRecord) -> Exception | None:
        """What becomes of one unit."""
        kind = self._chance.random()

        def work(unit: Unit) -> None:
            unit.messages.record(record)
            if kind < 0.1:
                raise LookupError
            if kind < 0.13:
                assert self._database._writer is not None
                self._database._writer.execute("ROLLBACK")
            if kind < 0.16:
                time.sleep(0.02)

        seconds = self._chance.choice([0.0, 0.001, 0.02, 0.1, 10, 10, 10, 10])
        waits = waiting_for_rewrites() if self._chance.random() < 0.5 else nullcontext()
        try:
            with waits:
                self._units.run(work, Deadline.after(seconds))
        except (TemporaryError, LookupError) as error:
            return error
        return None

    @contextmanager
    def disturbed(self, path: Path) -> Iterator[None]:
        """Another process takes the lock and announces rewrites; others in this one write."""
        end = Event()

        def disturb() -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                while not end.wait(0.02):
                    with RewriteLock(path.parent).held():
                        time.sleep(0.005)
                    other.execute("BEGIN IMMEDIATE")
                    time.sleep(0.005)
                    other.execute("COMMIT")
                    with suppress(TemporaryError), self._database.write() as connection:
                        connection.execute("DELETE FROM messages WHERE request_id = ''")

        disturbing = Thread(target=disturb)
        disturbing.start()
        yield
        end.set()
        disturbing.join()


@pytest.mark.parametrize("seed", [1, 2])
def test_storm_of_failing_units_loses_none_and_stops_none(
    path: Path,
    database: UnreliableDatabase,
    units: GroupedCommits,
    messages: SqliteMessageStore,
    seed: int,
) -> None:
    storm = Storm(database, units, seed)
    records = [numbered(number) for number in range(THREADS * UNITS_OF_EACH)]
    request_ids = [record.request_id for record in records]
    with ThreadPoolExecutor(THREADS) as pool, storm.disturbed(path):
        outcomes = dict(zip(request_ids, pool.map(storm.outcome, records), strict=True))
    database.errors = iter(())
    assert units.run(recording(numbered(len(records))), Deadline.after(5))
    found = {each for each in request_ids if messages.find_record(each)}
    durable = {each for each, error in outcomes.items() if error is None}
    own_error = {each for each, error in outcomes.items() if isinstance(error, LookupError)}
    assert durable
    assert own_error
    assert durable <= found
    assert not own_error & found
    assert not units._waiting
    assert units._leader is None
