"""Messages and the outbox in DynamoDB, under their request ids."""

import heapq
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox
from application.ports.pages import Page
from domain.erasure import Tombstone
from domain.messages import ConversationKey, Message, MessageRecord, MessageState
from domain.queues import QueueName
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_large_texts import (
    DynamoDbTexts,
    has_references,
    unicode_errors,
)
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    HISTORY_INDEX,
    WORK_INDEX,
    WORK_SHARDS,
    as_seen,
    conversation_name,
    history_entry,
    is_erased,
    message_key,
    record_from_item,
    record_to_item,
    succeeded,
    texts_of,
    time_text,
    tombstone_of,
    work_bound,
    work_of,
    work_partition,
    work_position,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Refusal
from infrastructure.aws.dynamodb.dynamodb_values import attributes, text_of

_SET_STATE = "SET #state = :state, #work = :work, #work_since = :work_since"
_NO_WORK = "REMOVE #work, #work_since"


class DynamoDbMessageStore(MessageStore, Outbox):
    """Messages as items; the request id is the key. The outbox are those that are pending.

    The lists are read through indexes, which lag behind by a moment. Each index is keyed so
    that a write touches it only when what it shows changes.
    """

    def __init__(self, messages: DynamoDbTable, texts: DynamoDbTexts) -> None:
        self._messages = messages
        self._texts = texts

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
        refusal = self._messages.change(
            message_key(record.request_id),
            _SET_STATE + (", #conversation = :target" if target else " REMOVE #conversation"),
            "attribute_exists(#request_id) AND NOT #state IN (:queued, :erased) AND "
            + as_seen("conversation", seen=record.conversation is not None),
            {
                "state": assigned.state,
                "queued": MessageState.QUEUED,
                "erased": MessageState.ERASED,
                "seen": conversation_name(record.conversation),
                "target": target,
                **work_of(assigned),
            },
        )
        return succeeded(refusal, state=assigned.state, conversation=target)

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        items = self._messages.query(
            "#conversation = :conversation AND #timestamp > :after",
            # Any text is greater than this one: a key cannot be empty.
            {"conversation": conversation_name(key), "after": time_text(after) or "0"},
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
        records = self._first_of_work(
            limit, unmatched, (">", after or "0"), lambda record: record.state is unmatched
        )
        if not 0 < len(records) == limit:
            return Page(records, None)
        last = records[-1]
        moment = rfc3339(last.message.received_at)
        return Page(records, work_position(moment, last.request_id))

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        due = ("<", work_bound(rfc3339(now)))
        return self._first_of_work(
            limit, MessageState.PENDING, due, lambda record: record.is_stuck(now)
        )

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        leased = replace(record.leased(now), state=MessageState.PENDING)
        until = time_text(leased.lease_until)
        refusal = self._change_pending(
            record,
            "SET #lease_until = :until, #attempts = :attempts, #work_since = :work_since",
            until=until,
            attempts=leased.attempts,
            work_since=work_of(leased)["work_since"],
        )
        return succeeded(refusal, state=MessageState.PENDING, lease_until=until)

    @override
    def move(self, record: MessageRecord, queue: QueueName, now: datetime) -> bool:
        moved = record.moved_to(queue, now)
        until = time_text(moved.lease_until)
        refusal = self._messages.change(
            message_key(record.request_id),
            f"{_SET_STATE}, #lease_until = :until, #attempts = :attempts, "
            "#publication = :publication, #queue = :queue REMOVE #queued_at",
            "attribute_exists(#state) AND #state <> :erased AND "
            + as_seen("publication", seen=record.publication > 1),
            {
                "state": moved.state,
                "until": until,
                "attempts": moved.attempts,
                "publication": moved.publication,
                "queue": str(queue),
                "erased": MessageState.ERASED,
                "seen": record.publication,
                **work_of(moved),
            },
        )
        return succeeded(refusal, lease_until=until, queue=str(queue))

    @override
    def give_up(self, record: MessageRecord) -> bool:
        undeliverable = MessageState.UNDELIVERABLE
        update = f"SET #state = :undeliverable {_NO_WORK}"
        refusal = self._change_pending(record, update, undeliverable=undeliverable)
        return succeeded(refusal, state=undeliverable, lease_until=time_text(record.lease_until))

    def _change_pending(
        self, record: MessageRecord, update: str, **values: object
    ) -> Refusal | None:
        """Change a message that is pending, if no other process has taken it since it was seen."""
        seen = time_text(record.lease_until)
        return self._messages.change(
            message_key(record.request_id),
            update,
            "#state = :pending AND " + as_seen("lease_until", seen=seen is not None),
            {**values, "pending": MessageState.PENDING, "seen": seen},
        )

    @override
    def mark_queued(self, request_id: str, queued_at: datetime, publication: int = 1) -> bool:
        refusal = self._messages.change(
            message_key(request_id),
            f"SET #state = :queued, #queued_at = :queued_at {_NO_WORK}",
            "#state = :pending AND " + as_seen("publication", seen=publication > 1),
            {
                "queued": MessageState.QUEUED,
                "queued_at": rfc3339(queued_at),
                "pending": MessageState.PENDING,
                "seen": publication,
            },
        )
        return refusal is None or not is_erased(refusal.item)

    @override
    def retry(self, request_id: str) -> bool:
        for record in self._read([request_id]):
            again = replace(record, state=MessageState.PENDING, lease_until=None, attempts=0)
            refusal = self._messages.change(
                message_key(request_id),
                f"{_SET_STATE}, #attempts = :none REMOVE #lease_until",
                "#state = :undeliverable",
                {
                    "state": again.state,
                    "none": again.attempts,
                    "undeliverable": MessageState.UNDELIVERABLE,
                    **work_of(again),
                },
            )
            return succeeded(refusal, state=MessageState.PENDING, lease_until=None)
        return False

    def _first_of_work(
        self,
        limit: int,
        state: MessageState,
        bound: tuple[str, str],
        wanted: Callable[[MessageRecord], bool],
    ) -> tuple[MessageRecord, ...]:
        """The first ``limit`` records of ``state`` in the work index that are ``wanted``.

        ``bound`` is a comparison and the position that it is made with.
        """
        keys = self._keys_of_work(state, bound, limit)
        records: list[MessageRecord] = []
        while len(records) < limit and (chunk := list(islice(keys, limit))):
            records += filter(wanted, self._read(chunk))
        return tuple(records[:limit])

    def _keys_of_work(
        self, state: MessageState, bound: tuple[str, str], page_size: int
    ) -> Iterator[str]:
        """The request ids of all partitions of a state in one order."""
        comparison, position = bound
        partitions = [
            self._messages.query(
                f"#work = :work AND #work_since {comparison} :bound",
                {"work": work_partition(state, shard), "bound": position},
                index=WORK_INDEX,
                page_size=page_size,
            )
            for shard in range(WORK_SHARDS)
        ]
        merged = heapq.merge(*partitions, key=lambda item: text_of(item, "work_since"))
        return (text_of(item, "request_id") for item in merged)

    def _read(self, request_ids: Iterable[str]) -> Iterator[MessageRecord]:
        """The records of these keys that are not erased, in their order."""
        keys = dict.fromkeys(request_ids)
        found = self._messages.read([message_key(request_id) for request_id in keys])
        items = {text_of(item, "request_id"): item for item in found}
        for request_id in keys:
            if request_id in items and not is_erased(items[request_id]):
                yield record_from_item(items[request_id], self._texts.read)
