"""Memory: it forgets everything, and keeps every other promise of the ports. One for all roles."""

from application.clock import Clock, utc_now
from infrastructure.backend import Backend
from infrastructure.memory.memory_blobs import MemoryBlobStore, MemoryDeadLetters
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_fallback_throttle import MemoryFallbackThrottle
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_outbox import MemoryOutbox
from infrastructure.memory.memory_queue import MemoryContextQueue
from infrastructure.memory.memory_retention import MemoryHistoryImport, MemoryRetention
from infrastructure.memory.memory_spool import MemorySpool
from infrastructure.serialization.claim_check import ClaimCheck


class MemoryBackend(Backend):
    """Everything over one ``data``."""

    place = "memory, lost at the end"
    purges_beside_the_server = True

    def __init__(self, clock: Clock = utc_now, data: MemoryData | None = None) -> None:
        data = data or MemoryData()
        self.conversations = MemoryConversationStore(data)
        self.messages = MemoryMessageStore(data)
        self.outbox = MemoryOutbox(data)
        self.retention = MemoryRetention(data)
        self.history_import = MemoryHistoryImport(data)
        self.throttle = MemoryFallbackThrottle()
        self.blobs = MemoryBlobStore()
        self.dead_letters = MemoryDeadLetters()
        self.context_queue = MemoryContextQueue(clock, ClaimCheck(self.blobs))
        self.spool = MemorySpool(clock)

    def is_created(self) -> bool:
        """See ``StorageBackend``."""
        return True

    def has_dead_letters(self) -> bool:
        """See ``FileBackend``."""
        return True

    def has_spool(self) -> bool:
        """See ``SpoolBackend``."""
        return True
