"""Look-ups of single messages and customers in DynamoDB, each by a key or an index."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from typing_extensions import override

from application.ports.message_lookup import MessageLookup
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord, MessageState
from infrastructure.aws.dynamodb.dynamodb_conversations import DynamoDbConversationStore
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    DynamoDbMessageItems,
    is_erased,
    tombstone_of,
)
from infrastructure.aws.dynamodb.dynamodb_message_keys import (
    MAIL_INDEX,
    WORK_INDEX,
    WORK_SHARDS,
    hash_of_message_id,
    message_key,
    read_history,
    work_partition,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item, text_of


@dataclass(frozen=True, eq=False)
class DynamoDbMessageLookup(MessageLookup):
    """Reads items by their keys, which indexes list."""

    messages: DynamoDbTable
    items: DynamoDbMessageItems
    conversations: DynamoDbConversationStore

    @override
    def find_records(self, request_ids: Sequence[str]) -> Mapping[str, MessageRecord | Tombstone]:
        keys = [message_key(request_id) for request_id in dict.fromkeys(request_ids)]
        # An imported entry has a key of the same form, and no state: it is no record.
        return {
            text_of(item, "request_id"): tombstone_of(item)
            if is_erased(item)
            else self.items.record(item)
            for item in self.messages.read(keys)
            if "state" in item
        }

    @override
    def find_mail(self, message_id: str, limit: int) -> tuple[MessageRecord, ...]:
        found = self.messages.query(
            "#message_id_hash = :hash",
            {"hash": hash_of_message_id(message_id)},
            index=MAIL_INDEX,
            page_size=limit,
            descending=True,
        )
        return tuple(islice(self._records(found, limit), limit))

    @override
    def latest_of(self, key: ConversationKey, limit: int) -> tuple[MessageRecord, ...]:
        found = read_history(self.messages, key, latest=limit)
        return tuple(islice(self._records(found, limit), limit))

    @override
    def latest_unmatched(self, limit: int) -> tuple[MessageRecord, ...]:
        partitions = [
            self.messages.query(
                "#work = :work",
                {"work": work_partition(MessageState.UNMATCHED, shard)},
                index=WORK_INDEX,
                page_size=limit,
                descending=True,
            )
            for shard in range(WORK_SHARDS)
        ]
        found = heapq.merge(*partitions, key=lambda item: text_of(item, "work_since"), reverse=True)
        records = self._records(found, limit)
        unmatched = (record for record in records if record.state is MessageState.UNMATCHED)
        return tuple(islice(unmatched, limit))

    @override
    def conversations_of(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        return self.conversations.find_linked(channel, senders)

    def _records(self, listed: Iterable[Item], at_once: int) -> Iterator[MessageRecord]:
        """The records of what an index lists, in its order; those that are gone are left out."""
        keys = (text_of(item, "request_id") for item in listed)
        while chunk := list(islice(keys, at_once)):
            records = self.find_records(chunk)
            for request_id in chunk:
                record = records.get(request_id)
                if isinstance(record, MessageRecord):
                    yield record
