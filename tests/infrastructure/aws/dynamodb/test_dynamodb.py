"""The stores in DynamoDB fulfil the contracts, on each emulator."""

import pytest

from application.ports.fallback_throttle import FallbackThrottle
from application.ports.stores import Stores
from domain.conversations import Conversation
from infrastructure.aws.dynamodb.dynamodb_conversation_items import conversation_to_item
from infrastructure.aws.dynamodb.dynamodb_values import AttributeValue
from tests.contracts.conversation_store import ConversationStoreContract
from tests.contracts.fallback_throttle import FallbackThrottleContract
from tests.contracts.legacy_histories import PutRecord
from tests.contracts.message_store import MessageStoreContract
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables, entry_of


class TestDynamoDbConversationStore(ConversationStoreContract):
    @pytest.fixture
    def stores(self, tables: Tables) -> Stores:
        return tables.stores()

    @pytest.fixture
    def put_record(self, tables: Tables) -> PutRecord:
        """Write the list as an older system does; Frontdesk never writes it."""

        def put(conversation: Conversation) -> None:
            messages = [entry_of(message) for message in conversation.legacy_messages]
            held: AttributeValue = {"L": messages}
            tables.put("conversations", {**conversation_to_item(conversation), "messages": held})

        return put


class TestDynamoDbMessageStore(MessageStoreContract):
    @pytest.fixture
    def stores(self, tables: Tables) -> Stores:
        return tables.stores()


class TestDynamoDbFallbackThrottle(FallbackThrottleContract):
    @pytest.fixture
    def throttle(self, tables: Tables) -> FallbackThrottle:
        tables.keep_expired()
        return tables.throttle()
