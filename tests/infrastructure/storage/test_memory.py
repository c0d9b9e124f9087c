"""Storage in memory keeps the contracts."""

import pytest

from application.ports.storage import AnswerClaims, ConversationStore, MessageStore
from infrastructure.storage.memory import (
    MemoryAnswerClaims,
    MemoryConversationStore,
    MemoryMessageStore,
)
from tests.contracts.answer_claims import AnswerClaimsContract
from tests.contracts.conversation_store import ConversationStoreContract
from tests.contracts.message_store import MessageStoreContract


class TestMemoryConversationStore(ConversationStoreContract):
    @pytest.fixture
    def store(self) -> ConversationStore:
        return MemoryConversationStore()


class TestMemoryMessageStore(MessageStoreContract):
    @pytest.fixture
    def store(self) -> MessageStore:
        return MemoryMessageStore()


class TestMemoryAnswerClaims(AnswerClaimsContract):
    @pytest.fixture
    def claims(self) -> AnswerClaims:
        return MemoryAnswerClaims()
