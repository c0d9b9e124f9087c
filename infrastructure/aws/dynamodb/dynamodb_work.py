"""The work index of messages in DynamoDB: what is pending or unmatched, in order."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from domain.outbox import MessageRecord, MessageState
from infrastructure.aws.dynamodb.dynamodb_large_texts import DynamoDbTexts
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    WORK_SHARDS,
    is_erased,
    message_key,
    record_from_item,
    work_partition,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import attributes, text_of

WORK_INDEX = "work"


class DynamoDbWork:
    """Reads the index, which lags behind by a moment, and then the items themselves."""

    def __init__(self, messages: DynamoDbTable, texts: DynamoDbTexts) -> None:
        self._messages = messages
        self._texts = texts

    def first(
        self,
        limit: int,
        state: MessageState,
        bound: tuple[str, str],
        wanted: Callable[[MessageRecord], bool],
    ) -> tuple[MessageRecord, ...]:
        """The first ``limit`` records of ``state`` that are ``wanted``.

        ``bound`` is a comparison and the position that it is made with.
        """
        keys = self._keys(state, bound, limit)
        records: list[MessageRecord] = []
        while len(records) < limit and (chunk := list(islice(keys, limit))):
            records += filter(wanted, self.read(chunk))
        return tuple(records[:limit])

    def read(self, request_ids: Iterable[str]) -> Iterator[MessageRecord]:
        """The records of these keys that are not erased, in their order."""
        keys = dict.fromkeys(request_ids)
        found = self._messages.read([message_key(request_id) for request_id in keys])
        items = {text_of(item, "request_id"): item for item in found}
        for request_id in keys:
            if request_id in items and not is_erased(items[request_id]):
                yield record_from_item(items[request_id], self._texts.read)

    def _keys(self, state: MessageState, bound: tuple[str, str], page_size: int) -> Iterator[str]:
        """The request ids of all partitions of a state in one order."""
        comparison, position = bound
        partitions = [
            self._messages.query(
                f"#work = :work AND #work_since {comparison} :bound",
                attributes({"work": work_partition(state, shard), "bound": position}),
                index=WORK_INDEX,
                page_size=page_size,
            )
            for shard in range(WORK_SHARDS)
        ]
        merged = heapq.merge(*partitions, key=lambda item: text_of(item, "work_since"))
        return (text_of(item, "request_id") for item in merged)
