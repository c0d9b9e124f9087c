"""Messages in DynamoDB, under their request ids."""

import secrets
from datetime import datetime
from itertools import islice

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.pages import Page
from domain.conversation_key import ConversationKey
from domain.erasure import Tombstone
from domain.history import Message
from domain.outbox import MessageRecord, MessageState
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_large_texts import (
    DynamoDbTexts,
    has_references,
    unicode_errors,
)
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    HISTORY_INDEX,
    SET_STATE,
    as_seen,
    conversation_name,
    history_entry,
    is_erased,
    message_key,
    record_from_item,
    record_to_item,
    succeeded,
    texts_of,
    tombstone_of,
    work_of,
    work_position,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import attributes
from infrastructure.aws.dynamodb.dynamodb_work import DynamoDbWork


class DynamoDbMessageStore(MessageStore):
    """Messages as items; the request id is the key.

    The lists are read through indexes, which lag behind by a moment. Each index is keyed so
    that a write touches it only when what it shows changes.
    """

    def __init__(self, messages: DynamoDbTable, texts: DynamoDbTexts) -> None:
        self._messages = messages
        self._texts = texts
        self._work = DynamoDbWork(messages, texts)

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        with unicode_errors():
            texts = self._texts.write(record.request_id, texts_of(record.message))
        write = attributes({"write_id": secrets.token_hex(16)})
        refusal = self._messages.create({**record_to_item(record), **write, **texts}, "request_id")
        if refusal is not None and is_erased(refusal.item):
            if has_references(texts):  # written a moment ago, and of no message
                self._texts.delete(record.request_id)
            return tombstone_of(refusal.item)
        # The same write: our first attempt had succeeded, only its answer was lost.
        if refusal is None or refusal.item.get("write_id") == write["write_id"]:
            return None
        return record_from_item(refusal.item, self._texts.read)

    @override
    def find_record(self, request_id: str) -> MessageRecord | Tombstone | None:
        for item in self._messages.read([message_key(request_id)]):
            if is_erased(item):
                return tombstone_of(item)
            # An imported entry has a key of the same form, and no state: it is no record.
            return record_from_item(item, self._texts.read) if "state" in item else None
        return None

    @override
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        assigned = record.assigned_to(conversation)
        target = conversation_name(conversation)
        values = {
            "state": assigned.state,
            "queued": MessageState.QUEUED,
            "erased": MessageState.ERASED,
            "seen": conversation_name(record.conversation),
            "target": target,
            **work_of(assigned),
        }
        refusal = self._messages.change(
            message_key(record.request_id),
            f"{SET_STATE}, #conversation = :target"
            if target
            else f"{SET_STATE} REMOVE #conversation",
            "attribute_exists(#request_id) AND NOT #state IN (:queued, :erased) AND "
            + as_seen("conversation", seen=record.conversation is not None),
            attributes(values),
        )
        return succeeded(refusal, state=assigned.state, conversation=target)

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        items = self._messages.query(
            "#conversation = :conversation AND #timestamp > :after",
            # Any text is greater than this one: a key cannot be empty.
            attributes(
                {
                    "conversation": conversation_name(key),
                    "after": rfc3339(after) if after else "0",
                }
            ),
            index=HISTORY_INDEX,
            page_size=limit,
            descending=True,
        )
        latest = [history_entry(item, self._texts.read) for item in islice(items, limit)]
        return tuple(reversed(latest))

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        """A cursor is a position in the work index."""
        unmatched = MessageState.UNMATCHED
        records = self._work.first(
            limit, unmatched, (">", after or "0"), lambda record: record.state is unmatched
        )
        if not 0 < len(records) == limit:
            return Page(records, None)
        last = records[-1]
        moment = rfc3339(last.message.received_at)
        return Page(records, work_position(moment, last.request_id))
