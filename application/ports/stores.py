"""The roles that one storage backend fills."""

from dataclasses import dataclass

from application.ports.conversation_store import ConversationStore
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.history_import import HistoryImport
from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox
from application.ports.retention import Retention


@dataclass(frozen=True, slots=True)
class Stores:
    """Conversations, messages and what belongs to them, kept in one place."""

    conversations: ConversationStore
    messages: MessageStore
    outbox: Outbox
    retention: Retention
    history_import: HistoryImport
    throttle: FallbackThrottle
