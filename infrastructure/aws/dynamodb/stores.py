"""The storage on DynamoDB: every store over its tables."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from application.ports.blobs import BlobStore
from application.ports.stores import Stores
from infrastructure.aws.dynamodb.dynamodb_conversations import DynamoDbConversationStore
from infrastructure.aws.dynamodb.dynamodb_fallback_throttle import DynamoDbFallbackThrottle
from infrastructure.aws.dynamodb.dynamodb_history_import import DynamoDbHistoryImport
from infrastructure.aws.dynamodb.dynamodb_large_texts import DynamoDbTexts
from infrastructure.aws.dynamodb.dynamodb_messages import DynamoDbMessageStore
from infrastructure.aws.dynamodb.dynamodb_participants import DynamoDbParticipants
from infrastructure.aws.dynamodb.dynamodb_retention import DynamoDbRetention
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.configuration.settings import TableNames

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def dynamodb_stores(
    client: "DynamoDBClient",
    names: TableNames,
    blobs: BlobStore,
    sleep: Callable[[float], None] = time.sleep,
) -> Stores:
    """All stores over the tables ``names``; texts that are too large for an item are ``blobs``."""
    conversations = DynamoDbTable(client, names.conversations)
    participants = DynamoDbParticipants(DynamoDbTable(client, names.participants))
    messages = DynamoDbTable(client, names.messages)
    texts = DynamoDbTexts(blobs)
    message_store = DynamoDbMessageStore(messages, texts)
    return Stores(
        DynamoDbConversationStore(conversations, participants, sleep),
        message_store,
        message_store,
        DynamoDbRetention(messages, texts, conversations, participants),
        DynamoDbHistoryImport(messages, texts, conversations),
        DynamoDbFallbackThrottle(DynamoDbTable(client, names.fallback_throttle)),
    )
