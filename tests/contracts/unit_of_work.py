"""What a unit of work promises, whether it is atomic or not."""

import threading
from collections.abc import Callable
from functools import partial
from threading import Event

import pytest

from application.clock import Deadline
from application.ports.stores import Stores
from application.ports.unit_of_work import Unit, UnitOfWork
from domain.errors import DeadlineExceededError, StorageUnavailableError
from domain.messages import MessageRecord
from tests.builders import a_record, an_inbound_message
from tests.contracts.concurrency import at_once


def numbered(number: int) -> MessageRecord:
    """One of many records."""
    return a_record(an_inbound_message(message_id=f"SM{number:032x}"))


def recording(record: MessageRecord) -> Callable[[Unit], str]:
    """Work that records one message and returns its request id."""

    def work(unit: Unit) -> str:
        assert unit.messages.record(record) is None
        return record.request_id

    return work


class UnitOfWorkContract:
    """Override ``stores`` and ``units``."""

    @pytest.fixture
    def stores(self) -> Stores:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def units(self) -> UnitOfWork:
        raise NotImplementedError("a backend provides it")

    def test_work_is_done_when_its_result_is_there(self, stores: Stores, units: UnitOfWork) -> None:
        record = numbered(1)
        assert units.run(recording(record), Deadline.after()) == record.request_id
        assert stores.messages.find_record(record.request_id) == record

    def test_error_of_the_work_is_raised_as_it_is(self, units: UnitOfWork) -> None:
        error = LookupError("a bug")

        def fail(_: Unit) -> None:
            raise error

        with pytest.raises(LookupError) as caught:
            units.run(fail, Deadline.after())
        assert caught.value is error

    def test_simultaneous_units_are_all_done(self, stores: Stores, units: UnitOfWork) -> None:
        records = [numbered(number) for number in range(100)]
        works = [partial(units.run, recording(record), Deadline.after()) for record in records]
        assert at_once(works) == [record.request_id for record in records]
        assert all(stores.messages.find_record(record.request_id) for record in records)


class AtomicUnitOfWorkContract(UnitOfWorkContract):
    """An error takes back all of a unit, and nothing of another one."""

    def test_error_takes_back_what_the_work_has_done(
        self, stores: Stores, units: UnitOfWork
    ) -> None:
        record = numbered(1)

        def work(unit: Unit) -> None:
            assert unit.is_atomic
            unit.messages.record(record)
            raise StorageUnavailableError("down")

        with pytest.raises(StorageUnavailableError):
            units.run(work, Deadline.after())
        assert stores.messages.find_record(record.request_id) is None

    def test_unit_that_fails_among_others_leaves_them_whole(
        self, stores: Stores, units: UnitOfWork
    ) -> None:
        records = [numbered(number) for number in range(40)]
        failing = {record.request_id for record in records[::7]}

        def work(unit: Unit, record: MessageRecord) -> None:
            assert unit.messages.record(record) is None
            if record.request_id in failing:
                raise LookupError(record.request_id)

        def outcome(record: MessageRecord) -> str | None:
            try:
                units.run(lambda unit: work(unit, record), Deadline.after())
            except LookupError as error:
                return str(error)
            return None

        outcomes = at_once([partial(outcome, record) for record in records])
        request_ids = [record.request_id for record in records]
        assert outcomes == [each if each in failing else None for each in request_ids]
        found = {each for each in request_ids if stores.messages.find_record(each)}
        assert found == set(request_ids) - failing

    def test_unit_whose_deadline_is_over_does_not_begin(
        self, stores: Stores, units: UnitOfWork
    ) -> None:
        with pytest.raises(DeadlineExceededError):
            units.run(recording(numbered(1)), Deadline(0.0, lambda: 1.0))
        assert stores.messages.find_record(numbered(1).request_id) is None

    def test_unit_that_waits_leaves_at_its_deadline_and_does_not_begin(
        self, stores: Stores, units: UnitOfWork
    ) -> None:
        begun, released = Event(), Event()

        def hold(_: Unit) -> None:
            begun.set()
            assert released.wait(10)

        leader = threading.Thread(target=lambda: units.run(hold, Deadline.after()))
        leader.start()
        assert begun.wait(10)
        with pytest.raises(DeadlineExceededError):
            units.run(recording(numbered(1)), Deadline.after(0.05))
        released.set()
        leader.join()
        assert units.run(recording(numbered(2)), Deadline.after())
        assert stores.messages.find_record(numbered(1).request_id) is None

    def test_unit_reads_what_it_and_earlier_units_have_written(self, units: UnitOfWork) -> None:
        record = numbered(1)

        def work(unit: Unit) -> None:
            unit.messages.record(record)
            assert unit.messages.find_record(record.request_id) == record

        units.run(work, Deadline.after())
        units.run(lambda unit: unit.messages.find_record(record.request_id), Deadline.after())
