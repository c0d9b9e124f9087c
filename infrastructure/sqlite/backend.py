"""SQLite: the stores and the context queues in one file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from application.clock import Clock
from infrastructure.backend import ContextQueue, QueueBackend, Rewritable, StorageBackend
from infrastructure.serialization.context_json import EncodeContext
from infrastructure.sqlite.database import SqliteDatabase

if TYPE_CHECKING:
    from application.ports.checks import CheckResult
    from application.ports.conversation_store import ConversationStore
    from application.ports.fallback_throttle import FallbackThrottle
    from application.ports.history_import import HistoryImport
    from application.ports.message_store import MessageStore
    from application.ports.outbox import Outbox
    from application.ports.retention import Retention


@dataclass(frozen=True, eq=False)
class SqliteBackend(StorageBackend, QueueBackend, Rewritable):
    """Every store and the context queues over the database file at ``path``.

    It is opened with its first use.
    """

    path: Path
    database: Callable[[], SqliteDatabase]
    clock: Clock
    encode: EncodeContext

    purges_beside_the_server = True

    def is_created(self) -> bool:
        """Whether there is such a file yet."""
        return self.path.exists()

    @override
    def rewrite(self) -> None:
        self.database().rewrite()

    @cached_property
    def place(self) -> str:
        """The directory of the file."""
        return f"{self.path.parent}/"

    @cached_property
    def context_queue(self) -> ContextQueue:
        """See ``QueueBackend``."""
        from infrastructure.sqlite.sqlite_queue import SqliteContextQueue

        return SqliteContextQueue(self.database(), self.clock, self.encode)

    @cached_property
    def conversations(self) -> "ConversationStore":
        """See ``Stores``."""
        from infrastructure.sqlite.sqlite_conversations import SqliteConversationStore

        return SqliteConversationStore(self.database())

    @cached_property
    def messages(self) -> "MessageStore":
        """See ``Stores``."""
        from infrastructure.sqlite.sqlite_messages import SqliteMessageStore

        return SqliteMessageStore(self.database())

    @cached_property
    def outbox(self) -> "Outbox":
        """See ``Stores``."""
        from infrastructure.sqlite.sqlite_messages import SqliteOutbox

        return SqliteOutbox(self.database())

    @cached_property
    def retention(self) -> "Retention":
        """See ``Stores``."""
        from infrastructure.sqlite.sqlite_retention import SqliteRetention

        return SqliteRetention(self.database())

    @cached_property
    def history_import(self) -> "HistoryImport":
        """See ``Stores``."""
        from infrastructure.sqlite.sqlite_retention import SqliteHistoryImport

        return SqliteHistoryImport(self.database())

    @cached_property
    def throttle(self) -> "FallbackThrottle":
        """See ``Stores``."""
        from infrastructure.sqlite.sqlite_fallback_throttle import SqliteFallbackThrottle

        return SqliteFallbackThrottle(self.database())

    @override
    def checks(self) -> "Iterator[CheckResult]":
        from infrastructure.sqlite.sqlite_checks import check_database
        from infrastructure.sqlite.sqlite_schema import MIGRATIONS

        return check_database(self.path, len(MIGRATIONS))
