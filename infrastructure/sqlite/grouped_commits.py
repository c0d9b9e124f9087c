"""The unit of work in SQLite: the units of many threads in one transaction, with one sync."""

import copy
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, Generic

from typing_extensions import override

from application.clock import Clock, Deadline
from application.ports.unit_of_work import Result, Unit, UnitOfWork
from domain.errors import DeadlineExceededError, StorageUnavailableError
from infrastructure.sqlite.database import RewriteAnnouncedError, SqliteDatabase
from infrastructure.sqlite.sqlite_conversations import SqliteConversationStore
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore, SqliteOutbox
from infrastructure.sqlite.sqlite_queue import SqliteContextQueue
from infrastructure.sqlite.sqlite_schema import MIGRATIONS
from infrastructure.sqlite.statements import TransactionStatements

MAX_MEMBERS = 64
LEAD_SECONDS = 0.1
"""How long a leader begins work of others before it commits."""


class GroupedCommits(UnitOfWork):
    """Commits the units of simultaneous threads together, and makes none of them wait for it.

    The first thread leads: it runs its own unit, those of all threads that came meanwhile, and
    commits. The next one that waits leads then. So the commit of one group is the time in which
    the next one gathers, and a thread alone waits for nothing.

    An error of one member takes the whole transaction back. The member gets the error, and the
    others run again in the next group.
    """

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        database.migrate(MIGRATIONS)
        self._database = database
        self._clock = clock
        self._guard = Lock()
        self._waiting: deque[_Member[Any]] = deque()
        self._is_led = False
        self._unit: tuple[sqlite3.Connection, Unit] | None = None

    @override
    def run(self, work: Callable[[Unit], Result], deadline: Deadline) -> Result:
        while True:
            # On the thread's own behalf: some wait for the end of a rewrite, webhooks do not.
            self._database.heed_rewrite()
            deadline.check()
            member: _Member[Result] = _Member(work, deadline)
            self._join(member)
            if not isinstance(member.error, RewriteAnnouncedError):
                return member.outcome()

    def _join(self, member: "_Member[Any]") -> None:
        """Return when what became of ``member`` is known."""
        with self._guard:
            self._waiting.append(member)
            leads = not self._is_led
            self._is_led = True
        while True:
            if leads:
                self._lead()
            if member.is_done:
                return
            leads = self._wait_to_lead(member)

    def _wait_to_lead(self, member: "_Member[Any]") -> bool:
        """Whether ``member`` has to lead. Raises ``DeadlineExceededError``."""
        if not member.wait():
            with self._guard:
                # At this very moment the leadership may have come.
                if not (member.is_done or member.wait(0)):
                    if member in self._waiting:
                        self._waiting.remove(member)
                    raise DeadlineExceededError("the commit takes too long")
        return not member.is_done

    def _lead(self) -> None:
        """Run and commit the units of those who wait, then pass the leadership on."""
        group: list[_Member[Any]] = []
        try:
            with self._database.write(for_many=True) as connection:
                self._run_members(group, connection)
            for member in group:
                member.error = None
        except _MemberFailedError as failure:
            failed = group.pop()
            failed.error = failure.error
            with self._guard:
                self._waiting.extendleft(reversed(group))
            group = [failed]
        except Exception as error:
            # Without BEGIN or COMMIT it is the error of all. They may be in the spool in time.
            group = group or list(iter(self._next, None))
            for member in group:
                member.error = copy.copy(error).with_traceback(None)
                member.error.__cause__ = error
        finally:
            self._pass_on(group)

    def _run_members(self, group: list["_Member[Any]"], connection: sqlite3.Connection) -> None:
        ends_at = time.monotonic() + LEAD_SECONDS
        unit = self._unit_over(connection)
        while len(group) < MAX_MEMBERS and (member := self._next()):
            group.append(member)
            try:
                member.run(unit)
            except Exception as error:
                raise _MemberFailedError(error) from error
            if not connection.in_transaction:
                # As on a full disk. Another statement would begin a transaction of its own.
                raise _MemberFailedError(StorageUnavailableError("the database rolled it back"))
            if time.monotonic() > ends_at:
                break

    def _next(self) -> "_Member[Any] | None":
        with self._guard:
            return self._waiting.popleft() if self._waiting else None

    def _pass_on(self, group: list["_Member[Any]"]) -> None:
        """Let another one lead, then tell the members of ``group`` what became of them."""
        with self._guard:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].wake()
            for member in group:
                member.is_done = True
        for member in group:
            member.wake()

    def _unit_over(self, connection: sqlite3.Connection) -> Unit:
        """The ports over the writer's connection, which stays the same for long."""
        if self._unit is None or self._unit[0] is not connection:
            transaction = TransactionStatements(connection)
            unit = Unit(
                conversations=SqliteConversationStore(transaction),
                messages=SqliteMessageStore(transaction),
                outbox=SqliteOutbox(transaction),
                publisher=SqliteContextQueue(transaction, self._clock),
                is_atomic=True,
            )
            self._unit = connection, unit
        return self._unit[1]


class _MemberFailedError(Exception):
    """The last member of the group failed with ``error``."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Final = error


class _Member(Generic[Result]):
    """The unit of one thread, and what became of it."""

    def __init__(self, work: Callable[[Unit], Result], deadline: Deadline) -> None:
        self.deadline = deadline
        self.is_done = False
        self._work = work
        self._results: list[Result] = []
        self.error: Exception | None = StorageUnavailableError("the commit was interrupted")
        self._signal = Lock()
        self._signal.acquire()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for ``wake``, at most until the deadline; whether it came."""
        return self._signal.acquire(
            timeout=self.deadline.seconds_left if seconds is None else seconds
        )

    def wake(self) -> None:
        """Let the thread go on: it leads, or the outcome is known."""
        self._signal.release()

    def run(self, unit: Unit) -> None:
        """Do the work, maybe once more."""
        self.deadline.check()
        self._results = [self._work(unit)]

    def outcome(self) -> Result:
        """What the work returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._results[0]
