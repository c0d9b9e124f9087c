"""The stores in memory fulfil the contracts."""

import pytest

from application.ports.fallback_throttle import FallbackThrottle
from application.ports.stores import Stores
from infrastructure.memory.backend import MemoryBackend
from infrastructure.memory.memory_fallback_throttle import MemoryFallbackThrottle
from tests.contracts.conversation_lists import ConversationOrderContract
from tests.contracts.conversation_store import ConversationStoreContract
from tests.contracts.fallback_throttle import FallbackThrottleContract
from tests.contracts.message_store import MessageStoreContract


class TestMemoryConversationStore(ConversationOrderContract, ConversationStoreContract):
    @pytest.fixture
    def stores(self) -> Stores:
        return MemoryBackend().stores


class TestMemoryMessageStore(MessageStoreContract):
    @pytest.fixture
    def stores(self) -> Stores:
        return MemoryBackend().stores


class TestMemoryFallbackThrottle(FallbackThrottleContract):
    @pytest.fixture
    def throttle(self) -> FallbackThrottle:
        return MemoryFallbackThrottle()
