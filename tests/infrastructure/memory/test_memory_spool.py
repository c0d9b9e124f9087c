"""The spool in memory fulfils the contract."""

import pytest

from application.ports.spool import Spool
from infrastructure.memory.memory_spool import MemorySpool
from tests.contracts.context_queue import ManualClock
from tests.contracts.spool import EmbeddedSpoolContract


class TestMemorySpool(EmbeddedSpoolContract):
    @pytest.fixture
    def spool(self, clock: ManualClock) -> Spool:
        return MemorySpool(clock)

    @pytest.fixture
    def small_spool(self, clock: ManualClock) -> Spool:
        return MemorySpool(clock, max_entries=3)
