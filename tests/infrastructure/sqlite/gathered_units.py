"""Units that certainly gather, so that one thread runs and commits all of them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

from application.clock import Deadline
from application.ports.unit_of_work import Unit
from domain.errors import StorageUnavailableError
from infrastructure.sqlite.grouped_commits import GroupedCommits


class Group:
    """Units that gather while a first one is at work."""

    def __init__(self, units: GroupedCommits) -> None:
        self._units = units
        self._pool = ThreadPoolExecutor(200)
        self.futures: list[Future[Any]] = []

    def add(self, work: Callable[[Unit], Any], deadline: Deadline | None = None) -> None:
        """Run ``work`` on a thread of its own, and wait until it stands in the line."""
        waiting = len(self._units._waiting)
        deadline = deadline or Deadline.after()
        self.futures.append(self._pool.submit(self._units.run, work, deadline))
        while len(self._units._waiting) == waiting:
            threading.Event().wait(0.001)

    def outcomes(self) -> list[Any]:
        """What each returned or raised."""
        done = [future.exception() or future.result() for future in self.futures]
        self._pool.shutdown()
        return done


@contextmanager
def gathered(units: GroupedCommits) -> Iterator[Group]:
    """Within it a first unit works, and others gather; they run when it is left."""
    begun, released = Event(), Event()

    def hold(_: Unit) -> None:
        begun.set()
        assert released.wait(30)

    def lead() -> None:
        # A test may let the commit of the whole group fail.
        with suppress(StorageUnavailableError):
            units.run(hold, Deadline.after(30))

    group = Group(units)
    first = threading.Thread(target=lead)
    first.start()
    assert begun.wait(30)
    try:
        yield group
    finally:
        released.set()
        first.join()
