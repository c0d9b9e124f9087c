"""The storage in memory. It ends with the process; all else that its ports promise holds."""

from application.ports.stores import Stores
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_fallback_throttle import MemoryFallbackThrottle
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_retention import MemoryHistoryImport, MemoryRetention


def memory_stores(data: MemoryData | None = None) -> Stores:
    """All stores over one ``data``."""
    data = data or MemoryData()
    messages = MemoryMessageStore(data)
    return Stores(
        MemoryConversationStore(data),
        messages,
        messages,
        MemoryRetention(data),
        MemoryHistoryImport(data),
        MemoryFallbackThrottle(),
    )
