"""Refusals in memory fulfil the contract."""

import pytest

from application.ports.refusals import Refusals
from infrastructure.memory.memory_refusals import MemoryRefusals
from tests.contracts.context_queue import ManualClock
from tests.contracts.diagnosed_refusals import Diagnoser
from tests.contracts.refusals import RefusalsContract


class TestMemoryRefusals(RefusalsContract):
    @pytest.fixture
    def refusals(self, clock: ManualClock, diagnoser: Diagnoser) -> Refusals:
        return MemoryRefusals(clock, diagnoser)
