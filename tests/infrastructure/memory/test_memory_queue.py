"""The queues in memory fulfil the contract."""

import pytest

from application.clock import utc_now
from application.ports.stores import Stores
from infrastructure.memory.backend import MemoryBackend
from infrastructure.memory.memory_queue import MemoryContextQueue
from tests.contracts.context_queue import ContextQueue, EmbeddedQueueContract, ManualClock
from tests.contracts.moved_contexts import MoveContextContract


class TestMemoryContextQueue(EmbeddedQueueContract):
    @pytest.fixture
    def queue(self, clock: ManualClock) -> ContextQueue:
        return MemoryContextQueue(clock)


class TestMemoryMoveContext(MoveContextContract):
    @pytest.fixture
    def backend(self) -> tuple[Stores, ContextQueue]:
        backend = MemoryBackend(utc_now)
        return backend.stores, backend.context_queue
