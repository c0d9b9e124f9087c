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
    others run again in the next group, which takes nobody else: so a member runs about twice,
    however many fail.

    The thread that leads is in the line itself, and nobody leads only while the line is empty.
    A thread that leaves, for whatever reason, passes on the leadership if it has it.

    ``observe_group`` is told how many members each commit had, when they know of it already.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        clock: Clock,
        observe_group: Callable[[int], None] = lambda _: None,
    ) -> None:
        database.migrate(MIGRATIONS)
        self._database = database
        self._clock = clock
        self._observe_group = observe_group
        self._guard = Lock()
        self._waiting: deque[_Member[Any]] = deque()
        self._leader: _Member[Any] | None = None
        self._put_back = 0
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
        try:
            with self._guard:
                self._waiting.append(member)
                self._leader = self._leader or member
            while not member.is_done:
                if self._leader is member:
                    self._lead()
                elif not (member.wait() or member.is_done):
                    raise DeadlineExceededError("the commit takes too long")
        finally:
            self._leave(member)

    def _leave(self, member: "_Member[Any]") -> None:
        """Nobody waits for ``member`` from now on: another one must lead."""
        if member.is_done:
            return
        with self._guard:
            member.has_left = True
            if member in self._waiting:
                self._waiting.remove(member)
            if self._leader is member:
                self._elect()

    def _elect(self) -> None:
        """Let the first one in the line lead. Only with the guard."""
        self._leader = self._waiting[0] if self._waiting else None
        if self._leader is not None:
            self._leader.wake()

    def _lead(self) -> None:
        """Run and commit the units of those who wait, then pass the leadership on."""
        group: list[_Member[Any]] = []
        committed = 0
        try:
            with self._database.write(for_many=True) as connection:
                self._run_members(group, connection)
            committed = len(group)
            for member in group:
                member.error = None
        except _MemberFailedError as failure:
            failed = group.pop()
            failed.error = failure.error
            with self._guard:
                again = [member for member in group if not member.has_left]
                self._waiting.extendleft(reversed(again))
                self._put_back = len(again)
            group = [failed]
        except Exception as error:
            # Without BEGIN or COMMIT it is the error of all. They may be in the spool in time.
            group = group or list(iter(self._next, None))
            for member in group:
                member.error = copy.copy(error).with_traceback(None)
                member.error.__cause__ = error
        finally:
            self._pass_on(group)
        if committed:
            self._observe_group(committed)

    def _run_members(self, group: list["_Member[Any]"], connection: sqlite3.Connection) -> None:
        ends_at = time.monotonic() + LEAD_SECONDS
        unit = self._unit_over(connection)
        most, self._put_back = self._put_back or MAX_MEMBERS, 0
        while len(group) < most and (member := self._next()):
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
        """The next one whose time is not over. The others are about to leave by themselves."""
        with self._guard:
            while self._waiting:
                member = self._waiting.popleft()
                if member.deadline.seconds_left:
                    return member
        return None

    def _pass_on(self, group: list["_Member[Any]"]) -> None:
        """Let another one lead, then tell the members of ``group`` what became of them."""
        with self._guard:
            self._elect()
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
        self.has_left = False
        self._work = work
        self._results: list[Result] = []
        self.error: Exception | None = StorageUnavailableError("the commit was interrupted")
        self._signal = Lock()
        self._signal.acquire()

    def wait(self) -> bool:
        """Wait for ``wake``, at most until the deadline; whether it came."""
        return self._signal.acquire(timeout=self.deadline.seconds_left)

    def wake(self) -> None:
        """Let the thread look again: it leads, or the outcome is known. Only the leader may."""
        if self._signal.locked():
            self._signal.release()

    def run(self, unit: Unit) -> None:
        """Do the work, maybe once more."""
        self._results = [self._work(unit)]

    def outcome(self) -> Result:
        """What the work returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._results[0]
