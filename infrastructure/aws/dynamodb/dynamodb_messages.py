"""Messages in DynamoDB, under their request id."""

import heapq
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.message_store import MessageStore
from application.ports.retention import RetainedPage
from domain.conversation_key import ConversationKey
from domain.erasure import RetainedMessage, Tombstone
from domain.errors import StorageRefusedError
from domain.history import Message
from domain.outbox import MessageRecord, MessageState
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_large_texts import DynamoDbTexts, has_references
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    WORK_SHARDS,
    conversation_name,
    history_entry,
    imported_to_item,
    record_from_item,
    record_to_item,
    texts_of,
    texts_of_entry,
    work_bound,
    work_of,
    work_partition,
    work_position,
)
from infrastructure.aws.dynamodb.dynamodb_retention import DynamoDbRetention, is_erased, left_of
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Refusal
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HISTORY_INDEX = "history"
WORK_INDEX = "work"

_ASSIGN = "SET #state = :state, #work = :work, #work_since = :work_since"
_MARK_QUEUED = "SET #state = :queued, #queued_at = :queued_at REMOVE #work, #work_since"


class DynamoDbMessageStore(MessageStore):
    """Messages as items; the gate is the key.

    The lists are read through indexes, which lag behind by a moment. Each index is keyed so
    that a write touches it only when what it shows changes.
    """

    def __init__(self, client: "DynamoDBClient", messages: str, blobs: BlobStore) -> None:
        self._messages = DynamoDbTable(client, messages)
        self._texts = DynamoDbTexts(blobs)
        self._retained = DynamoDbRetention(self._messages, self._texts, HISTORY_INDEX)

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        with _unicode_errors():
            texts = self._texts.write(record.request_id, texts_of(record.message))
        write = attributes({"write_id": secrets.token_hex(16)})
        refusal = self._messages.create({**record_to_item(record), **write, **texts}, "request_id")
        if refusal is not None and is_erased(refusal.item):
            if has_references(texts):  # written a moment ago, and of no message
                self._texts.delete(record.request_id)
            return left_of(refusal.item)
        # The same write: our first attempt had succeeded, only its answer was lost.
        if refusal is None or refusal.item.get("write_id") == write["write_id"]:
            return None
        return record_from_item(refusal.item, self._texts.read)

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
            _key(record.request_id),
            f"{_ASSIGN}, #conversation = :target" if target else f"{_ASSIGN} REMOVE #conversation",
            "attribute_exists(#request_id) AND NOT #state IN (:queued, :erased) AND "
            + _as_seen("conversation", seen=record.conversation is not None),
            attributes(values),
        )
        return _succeeded(refusal, state=assigned.state, conversation=target)

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        leased = replace(record.leased(now), state=MessageState.PENDING)
        until = _time_text(leased.lease_until)
        refusal = self._change_pending(
            record,
            "SET #lease_until = :until, #attempts = :attempts, #work_since = :work_since",
            until=until,
            attempts=leased.attempts,
            work_since=work_of(leased)["work_since"],
        )
        return _succeeded(refusal, state=MessageState.PENDING, lease_until=until)

    @override
    def give_up(self, record: MessageRecord) -> bool:
        refusal = self._change_pending(
            record,
            "SET #state = :undeliverable REMOVE #work, #work_since",
            undeliverable=MessageState.UNDELIVERABLE,
        )
        seen = _time_text(record.lease_until)
        return _succeeded(refusal, state=MessageState.UNDELIVERABLE, lease_until=seen)

    @override
    def retry(self, request_id: str) -> bool:
        for record in self._read([request_id]):
            again = replace(record, state=MessageState.PENDING, lease_until=None, attempts=0)
            values = {
                "state": again.state,
                "none": again.attempts,
                "undeliverable": MessageState.UNDELIVERABLE,
                **work_of(again),
            }
            refusal = self._messages.change(
                _key(request_id),
                f"{_ASSIGN}, #attempts = :none REMOVE #lease_until",
                "#state = :undeliverable",
                attributes(values),
            )
            return _succeeded(refusal, state=MessageState.PENDING, lease_until=None)
        return False

    @override
    def mark_queued(self, request_id: str, queued_at: datetime) -> bool:
        refusal = self._messages.change(
            _key(request_id),
            _MARK_QUEUED,
            "#state = :pending",
            attributes(
                {
                    "queued": MessageState.QUEUED,
                    "queued_at": rfc3339(queued_at),
                    "pending": MessageState.PENDING,
                }
            ),
        )
        return refusal is None or not is_erased(refusal.item)

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
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        item = imported_to_item(key, message)
        with _unicode_errors():
            texts = self._texts.write(text_of(item, "request_id"), texts_of_entry(message))
        refusal = self._messages.create({**item, **texts}, "request_id")
        return refusal is None or refusal.retried

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        keys = self._work(MessageState.PENDING, "<", work_bound(rfc3339(now)), limit)
        return self._first(limit, keys, lambda record: record.is_stuck(now))

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> tuple[MessageRecord, ...]:
        if after is None:
            return self._unmatched_after("0", limit)
        # The record of the page before may be matched by now; its request id is there for ever.
        found = self._messages.read([_key(after)])
        positions = [work_position(text_of(item, "timestamp"), after) for item in found]
        return self._unmatched_after(positions[0], limit) if positions else ()

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> RetainedPage:
        """Reads the whole table, page by page."""
        return self._retained.page(limit, after, before)

    @override
    def list_retained_in(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        return self._retained.of_conversation(key)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        return self._retained.erase(retained)

    @override
    def is_erased(self, request_id: str) -> bool:
        return self._retained.is_erased(request_id)

    def _change_pending(
        self, record: MessageRecord, update: str, **values: object
    ) -> Refusal | None:
        """Change a message that is pending, if nobody has taken it since it was seen."""
        seen = _time_text(record.lease_until)
        return self._messages.change(
            _key(record.request_id),
            update,
            "#state = :pending AND " + _as_seen("lease_until", seen=seen is not None),
            attributes({**values, "pending": MessageState.PENDING, "seen": seen}),
        )

    def _unmatched_after(self, position: str, limit: int) -> tuple[MessageRecord, ...]:
        keys = self._work(MessageState.UNMATCHED, ">", position, limit)
        return self._first(limit, keys, lambda record: record.state is MessageState.UNMATCHED)

    def _first(
        self, limit: int, keys: Iterator[str], wanted: Callable[[MessageRecord], bool]
    ) -> tuple[MessageRecord, ...]:
        """The first ``limit`` records of ``keys`` that are ``wanted``: an index lags behind."""
        records: list[MessageRecord] = []
        while len(records) < limit and (chunk := list(islice(keys, limit))):
            records += filter(wanted, self._read(chunk))
        return tuple(records[:limit])

    def _work(
        self, state: MessageState, comparison: str, bound: str, page_size: int
    ) -> Iterator[str]:
        """The request ids of all partitions of a state in one order."""
        partitions = [
            self._messages.query(
                f"#work = :work AND #work_since {comparison} :bound",
                attributes({"work": work_partition(state, shard), "bound": bound}),
                index=WORK_INDEX,
                page_size=page_size,
            )
            for shard in range(WORK_SHARDS)
        ]
        merged = heapq.merge(*partitions, key=lambda item: text_of(item, "work_since"))
        return (text_of(item, "request_id") for item in merged)

    def _read(self, request_ids: Iterable[str]) -> Iterator[MessageRecord]:
        """The records of these keys, in their order."""
        keys = dict.fromkeys(request_ids)
        found = self._messages.read([_key(request_id) for request_id in keys])
        items = {text_of(item, "request_id"): item for item in found}
        for request_id in keys:
            if request_id in items and not is_erased(items[request_id]):
                yield record_from_item(items[request_id], self._texts.read)


@contextmanager
def _unicode_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # of UTF-8 or of JSON
        raise StorageRefusedError("the message has a text that is not Unicode") from error


def _time_text(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _key(request_id: str) -> Item:
    return attributes({"request_id": request_id})


def _as_seen(name: str, *, seen: bool) -> str:
    """The condition that an attribute is as the caller saw it, be it missing."""
    return f"#{name} = :seen" if seen else f"attribute_not_exists(#{name})"


def _succeeded(refusal: Refusal | None, **wanted: str | None) -> bool:
    """Whether a change was made: now, or by a first attempt whose answer was lost."""
    if refusal is None:
        return True
    found = {name: refusal.item.get(name, {}).get("S") for name in wanted}
    return refusal.retried and found == wanted
