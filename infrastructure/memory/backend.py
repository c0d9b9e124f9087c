"""The storage in memory: it forgets everything, and keeps every other promise of its ports."""

from application.ports.stores import Stores
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_fallback_throttle import MemoryFallbackThrottle
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_outbox import MemoryOutbox
from infrastructure.memory.memory_retention import MemoryHistoryImport, MemoryRetention


def memory_stores(data: MemoryData | None = None) -> Stores:
    """All stores over one ``data``."""
    data = data or MemoryData()
    return Stores(
        MemoryConversationStore(data),
        MemoryMessageStore(data),
        MemoryOutbox(data),
        MemoryRetention(data),
        MemoryHistoryImport(data),
        MemoryFallbackThrottle(),
    )
