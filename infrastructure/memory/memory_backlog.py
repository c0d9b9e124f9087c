"""How much waits in memory."""

from typing_extensions import override

from application.ports.backlog import Backlog, StoreBacklog
from domain.messages import MessageState
from infrastructure.memory.memory_data import MemoryAdapter


class MemoryBacklog(MemoryAdapter, Backlog):
    """Looks at every record."""

    @override
    def count(self, most: int) -> StoreBacklog:
        with self._data.lock:
            records = [*self._data.records.values()]
        pending = [record for record in records if record.state is MessageState.PENDING]
        pending.sort(key=lambda record: record.due_at)
        oldest = min((record.recorded_at for record in pending[:most]), default=None)
        unmatched = sum(record.state is MessageState.UNMATCHED for record in records)
        return StoreBacklog(len(pending[:most]), oldest, min(unmatched, most))
