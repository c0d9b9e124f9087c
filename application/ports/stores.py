"""The stores that one storage backend keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from application.ports.conversation_store import ConversationStore
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox

if TYPE_CHECKING:
    from application.ports.backlog import Backlog
    from application.ports.history_import import HistoryImport
    from application.ports.message_lookup import MessageLookup
    from application.ports.retention import Retention


@dataclass(frozen=True)
class Stores:
    """Conversations, messages and what belongs to them, kept in one place.

    No webhook needs the last three: they are built, and their modules imported, on first use.
    """

    conversations: ConversationStore
    messages: MessageStore
    outbox: Outbox
    throttle: FallbackThrottle
    build_retention: "Callable[[], Retention]"
    build_history_import: "Callable[[], HistoryImport]"
    build_lookup: "Callable[[], MessageLookup]"
    build_backlog: "Callable[[], Backlog]"

    @cached_property
    def retention(self) -> "Retention":
        """What is retained, to list and to erase it."""
        return self.build_retention()

    @cached_property
    def history_import(self) -> "HistoryImport":
        """The histories that older systems left."""
        return self.build_history_import()

    @cached_property
    def lookup(self) -> "MessageLookup":
        """What finds single messages and customers."""
        return self.build_lookup()

    @cached_property
    def backlog(self) -> "Backlog":
        """How much waits."""
        return self.build_backlog()
