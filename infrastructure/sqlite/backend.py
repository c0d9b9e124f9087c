"""SQLite: the stores and the context queues in one file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from application.clock import Clock
from application.ports.metrics import Metrics
from application.ports.stores import Stores
from infrastructure.backend import ContextQueue, QueueBackend, Rewritable, StorageBackend
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.grouped_commits import GroupedCommits
from infrastructure.sqlite.sqlite_conversations import SqliteConversationStore
from infrastructure.sqlite.sqlite_fallback_throttle import SqliteFallbackThrottle
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore, SqliteOutbox
from infrastructure.sqlite.sqlite_queue import SqliteContextQueue

if TYPE_CHECKING:
    from application.ports.backlog import Backlog
    from application.ports.checks import CheckResult
    from application.ports.history_import import HistoryImport
    from application.ports.message_lookup import MessageLookup
    from application.ports.retention import Retention


@dataclass(frozen=True, eq=False)
class SqliteBackend(StorageBackend, QueueBackend, Rewritable):
    """Every store and the context queues over the database file at ``path``.

    It is opened with its first use.
    """

    path: Path
    database: Callable[[], SqliteDatabase]
    clock: Clock
    metrics: Metrics

    purges_beside_the_server = True

    @cached_property
    def place(self) -> str:
        """The directory of the file."""
        return f"{self.path.parent}/"

    @cached_property
    def stores(self) -> Stores:
        """All of them over the one file."""
        database = self.database()
        return Stores(
            conversations=SqliteConversationStore(database),
            messages=SqliteMessageStore(database),
            outbox=SqliteOutbox(database),
            throttle=SqliteFallbackThrottle(database),
            build_retention=self._build_retention,
            build_history_import=self._build_history_import,
            build_lookup=self._build_lookup,
            build_backlog=self._build_backlog,
        )

    def _build_retention(self) -> "Retention":
        from infrastructure.sqlite.sqlite_retention import SqliteRetention

        return SqliteRetention(self.database())

    def _build_history_import(self) -> "HistoryImport":
        from infrastructure.sqlite.sqlite_retention import SqliteHistoryImport

        return SqliteHistoryImport(self.database())

    def _build_lookup(self) -> "MessageLookup":
        from infrastructure.sqlite.sqlite_lookup import SqliteMessageLookup

        return SqliteMessageLookup(self.database())

    def _build_backlog(self) -> "Backlog":
        from infrastructure.sqlite.sqlite_backlog import SqliteBacklog

        return SqliteBacklog(self.database())

    @cached_property
    def context_queue(self) -> ContextQueue:
        """The queues, in the file of the stores."""
        return SqliteContextQueue(self.database(), self.clock)

    @cached_property
    def unit_of_work(self) -> GroupedCommits:
        """Store and queue in one transaction."""
        return GroupedCommits(
            self.database(),
            self.clock,
            lambda size: self.metrics.observe_size("CommitGroupSize", size),
        )

    @override
    def is_created(self) -> bool:
        return self.path.exists()

    @override
    def rewrite(self) -> None:
        self.database().rewrite()

    @override
    def checks(self) -> "Iterator[CheckResult]":
        from infrastructure.sqlite.sqlite_checks import check_database
        from infrastructure.sqlite.sqlite_schema import MIGRATIONS

        return check_database(self.path, len(MIGRATIONS))
