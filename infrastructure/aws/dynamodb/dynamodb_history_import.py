"""The import of older systems' histories in DynamoDB."""

from dataclasses import dataclass

from typing_extensions import override

from application.ports.history_import import HistoryImport
from application.ports.pages import Page
from domain.conversations import Conversation, Message
from domain.messages import ConversationKey
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    RECORD_KEY,
    conversations_from,
    key_to_item,
)
from infrastructure.aws.dynamodb.dynamodb_message_items import DynamoDbMessageItems
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Stored

_HAS_LEGACY_MESSAGES = "attribute_type(#messages, :list) AND size(#messages) > :none"


@dataclass(frozen=True, eq=False)
class DynamoDbHistoryImport(HistoryImport):
    """Entries as items of the messages table; they have no state."""

    messages: DynamoDbTable
    items: DynamoDbMessageItems
    records: DynamoDbTable

    @override
    def list_with_legacy_messages(
        self, limit: int, *, after: str | None = None
    ) -> Page[Conversation]:
        """Reads ``limit`` items of the whole table, whatever they are."""
        items, cursor = self.records.scan_page(
            limit, after, RECORD_KEY, _HAS_LEGACY_MESSAGES, list="L", none=0
        )
        return Page(tuple(r for r in conversations_from(items) if r.legacy_messages), cursor)

    @override
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        return self.messages.create(self.items.of_entry(key, message), "request_id") is None

    @override
    def delete_legacy_messages(self, seen: Conversation) -> bool:
        """The list stays, empty: ``list_append`` of the other system needs one."""
        found = self.records.read([key_to_item(seen.key)])
        if [record.legacy_messages for record in conversations_from(found)] != [
            seen.legacy_messages
        ]:
            return False
        empty = {"messages": Stored({"L": []})}
        as_seen = {"messages": Stored(found[0]["messages"])}
        return self.records.change(key_to_item(seen.key), empty, seen=as_seen) is None
