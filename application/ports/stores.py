"""The roles that one storage backend fills."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from application.ports.conversation_store import ConversationStore
    from application.ports.fallback_throttle import FallbackThrottle
    from application.ports.history_import import HistoryImport
    from application.ports.message_store import MessageStore
    from application.ports.outbox import Outbox
    from application.ports.retention import Retention


class Stores(Protocol):
    """Conversations, messages and what belongs to them, kept in one place."""

    @property
    @abstractmethod
    def conversations(self) -> "ConversationStore":
        """The conversation records."""

    @property
    @abstractmethod
    def messages(self) -> "MessageStore":
        """The messages under their request ids."""

    @property
    @abstractmethod
    def outbox(self) -> "Outbox":
        """What is pending."""

    @property
    @abstractmethod
    def retention(self) -> "Retention":
        """What is retained, to list and to erase it."""

    @property
    @abstractmethod
    def history_import(self) -> "HistoryImport":
        """The histories that older systems left."""

    @property
    @abstractmethod
    def throttle(self) -> "FallbackThrottle":
        """Who got a fallback, and when."""
