"""Memory: it forgets everything, and keeps every other promise of the ports. One for all roles."""

from application.clock import Clock, utc_now
from application.ports.stores import Stores
from infrastructure.backend import Backend
from infrastructure.memory.memory_backlog import MemoryBacklog
from infrastructure.memory.memory_blobs import MemoryBlobStore, MemoryDeadLetters
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_fallback_throttle import MemoryFallbackThrottle
from infrastructure.memory.memory_lookup import MemoryMessageLookup
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_queue import MemoryContextQueue
from infrastructure.memory.memory_retention import MemoryHistoryImport, MemoryRetention
from infrastructure.memory.memory_spool import MemorySpool


class MemoryBackend(Backend):
    """Everything over one ``data``."""

    place = "memory, lost at the end"
    purges_beside_the_server = True

    def __init__(self, clock: Clock = utc_now, data: MemoryData | None = None) -> None:
        self._data = data = data or MemoryData()
        self.conversations = MemoryConversationStore(data)
        self.messages = self.outbox = MemoryMessageStore(data)
        self.retention = MemoryRetention(data)
        self.history_import = MemoryHistoryImport(data)
        self.backlog = MemoryBacklog(data)
        self.throttle = MemoryFallbackThrottle()
        self.blobs = MemoryBlobStore()
        self.dead_letters = MemoryDeadLetters()
        self.context_queue = MemoryContextQueue(clock)
        self.spool = MemorySpool(clock)

    @property
    def stores(self) -> Stores:
        """The stores as they are now: a test may have put another in place of one."""
        return Stores(
            self.conversations,
            self.messages,
            self.outbox,
            self.throttle,
            lambda: self.retention,
            lambda: self.history_import,
            lambda: MemoryMessageLookup(self._data),
            lambda: self.backlog,
        )

    def is_created(self) -> bool:
        """See ``StorageBackend``."""
        return True

    def has_dead_letters(self) -> bool:
        """See ``FileBackend``."""
        return True

    def has_spool(self) -> bool:
        """See ``SpoolBackend``."""
        return True
