"""The queues in memory fulfil the contract."""

import pytest

from infrastructure.memory.memory_queue import MemoryContextQueue
from tests.contracts.context_queue import ContextQueue, EmbeddedQueueContract, ManualClock


class TestMemoryContextQueue(EmbeddedQueueContract):
    @pytest.fixture
    def queue(self, clock: ManualClock) -> ContextQueue:
        return MemoryContextQueue(clock)
