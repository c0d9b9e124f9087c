"""Storage in memory keeps the contracts."""

import pytest

from application.ports.conversation_store import ConversationStore
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.message_store import MessageStore
from infrastructure.memory.memory_stores import (
    MemoryConversationStore,
    MemoryFallbackThrottle,
    MemoryMessageStore,
)
from tests.contracts.conversation_store import ConversationStoreContract
from tests.contracts.fallback_throttle import FallbackThrottleContract
from tests.contracts.message_store import MessageStoreContract


class TestMemoryConversationStore(ConversationStoreContract):
    @pytest.fixture
    def store(self) -> ConversationStore:
        return MemoryConversationStore()


class TestMemoryMessageStore(MessageStoreContract):
    @pytest.fixture
    def store(self) -> MessageStore:
        return MemoryMessageStore()


class TestMemoryFallbackThrottle(FallbackThrottleContract):
    @pytest.fixture
    def throttle(self) -> FallbackThrottle:
        return MemoryFallbackThrottle()
