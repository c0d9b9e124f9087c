"""Samples in memory fulfil the contract."""

import pytest

from application.ports.sample_history import SampleHistory
from infrastructure.memory.memory_samples import MemorySampleHistory
from tests.contracts.context_queue import ManualClock
from tests.contracts.sample_history import SampleHistoryContract


class TestMemorySampleHistory(SampleHistoryContract):
    @pytest.fixture
    def history(self, clock: ManualClock) -> SampleHistory:
        return MemorySampleHistory(clock)

    def test_page_can_say_that_a_restart_loses_them(self, history: SampleHistory) -> None:
        assert "in the memory" in str(history.notice())
