"""Storage in memory keeps the contracts."""

import pytest

from application.ports.storage import ConversationStore, FallbackThrottle, MessageStore
from infrastructure.storage.memory import (
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
