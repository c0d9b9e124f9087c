"""Storage in DynamoDB keeps the contracts, on each emulator."""

import pytest

from application.ports.storage import AnswerClaims, ConversationStore, MessageStore
from tests.contracts.answer_claims import AnswerClaimsContract
from tests.contracts.conversation_store import ConversationStoreContract
from tests.contracts.message_store import MessageStoreContract
from tests.infrastructure.storage.dynamodb_tables import Tables


class TestDynamoDbConversationStore(ConversationStoreContract):
    @pytest.fixture
    def store(self, tables: Tables) -> ConversationStore:
        return tables.conversations()


class TestDynamoDbMessageStore(MessageStoreContract):
    @pytest.fixture
    def store(self, tables: Tables) -> MessageStore:
        return tables.messages()


class TestDynamoDbAnswerClaims(AnswerClaimsContract):
    @pytest.fixture
    def claims(self, tables: Tables) -> AnswerClaims:
        return tables.claims()
