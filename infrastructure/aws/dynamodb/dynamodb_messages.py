"""Messages and the outbox in DynamoDB, under their request ids."""

import heapq
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby, islice

from typing_extensions import override

from application.ports.message_store import MessageStore, latest_entries
from application.ports.outbox import Outbox
from application.ports.pages import Page, read_cursor, write_cursor
from domain.conversations import HistoryEntry, Message
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord, MessageState
from domain.queues import QueueName
from domain.times import rfc3339
from domain.trail import FailedAttempt, FallbackOutcome, Trail
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    DynamoDbMessageItems,
    has_references,
    is_erased,
    tombstone_of,
)
from infrastructure.aws.dynamodb.dynamodb_message_keys import (
    WORK_INDEX,
    WORK_SHARDS,
    conversation_key,
    conversation_name,
    message_key,
    read_history,
    work_of,
    work_partition,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Values
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of, time_text

_NO_WORK = {"work": None, "work_since": None}


class DynamoDbMessageStore(MessageStore, Outbox):
    """Messages as items; the request id is the key. The outbox are those that are pending.

    The lists are read through indexes, which lag behind by a moment. Each index is keyed so
    that a write touches it only when what it shows changes.
    """

    def __init__(self, messages: DynamoDbTable, items: DynamoDbMessageItems) -> None:
        self.messages = messages
        self.items = items

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        item = self.items.of_record(record)
        # No other process writes the same item: so it is known as ours if its answer was lost.
        write_id = attributes({"write_id": secrets.token_hex(16)})
        found = self.messages.create({**item, **write_id}, "request_id")
        if found is None:
            return None
        if not is_erased(found):
            self.items.delete_unused(item, found)
            return self.items.record(found)
        if has_references(item):  # written a moment ago, and of no message
            self.items.delete_blobs(record.request_id)
        return tombstone_of(found)

    @override
    def find_record(self, request_id: str) -> MessageRecord | Tombstone | None:
        (item,) = self.messages.read([message_key(request_id)]) or ({},)
        if is_erased(item):
            return tombstone_of(item)
        # An imported entry has a key of the same form, and no state: it is no record.
        return self.items.record(item) if "state" in item else None

    @override
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        assigned = record.assigned_to(conversation)
        name = conversation_name(conversation)
        found = self.messages.change(
            message_key(record.request_id),
            {"state": assigned.state, "conversation": name, **work_of(assigned)},
            "attribute_exists(#request_id) AND NOT #state IN (:queued, :erased)",
            {"conversation": conversation_name(record.conversation)},
            queued=MessageState.QUEUED,
            erased=MessageState.ERASED,
        )
        return found is None

    @override
    def add_fallback(self, record: MessageRecord, fallback: FallbackOutcome) -> None:
        trail = replace(record.trail, fallback=fallback).to_json()
        unmatched = {"state": MessageState.UNMATCHED}
        self.messages.change(message_key(record.request_id), {"trail": trail}, seen=unmatched)

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        items = read_history(self.messages, key, time_text(after), latest=limit)
        latest = [self.items.entry(item) for item in islice(items, limit)]
        return tuple(reversed(latest))

    @override
    def list_entries(
        self, key: ConversationKey, limit: int, *, before: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        """The index says which, and not how far they have come."""
        items = read_history(self.messages, key, before=time_text(before), latest=limit + 1)
        entries: list[HistoryEntry] = []
        keys: list[Item] = []
        for _, same in groupby(items, key=lambda item: text_of(item, "timestamp")):
            keys += [message_key(text_of(item, "request_id")) for item in same]
            if len(entries) + len(keys) >= limit:
                entries += self._entries(key, keys)
                keys = []
                if len(entries) >= limit:
                    break
        return latest_entries([*entries, *self._entries(key, keys)], limit)

    def _entries(self, key: ConversationKey, keys: Sequence[Item]) -> Iterator[HistoryEntry]:
        for item in self.messages.read(keys):
            if conversation_key(item) == key:
                record = self.items.record(item) if "state" in item else None
                message = Message.of(record.message) if record else self.items.entry(item)
                yield HistoryEntry(message, record)

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        """A cursor is a position in the work index."""
        state = MessageState.UNMATCHED
        place = read_cursor("unmatched", after, 1)[0] if after is not None else ""
        records = self._first_of_work(limit, state, (">", place or "0"), lambda r: r.state is state)
        if not 0 < len(records) == limit:
            return Page(records, None)
        return Page(records, write_cursor("unmatched", work_of(records[-1])["work_since"]))

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        # Greater than every position of this moment, and less than those after it.
        due = ("<", f"{rfc3339(now)}$")
        return self._first_of_work(limit, MessageState.PENDING, due, lambda r: r.is_stuck(now))

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        leased = replace(record.leased(now), state=MessageState.PENDING)
        changes = {
            "lease_until": time_text(leased.lease_until),
            "attempts": leased.attempts,
            "work_since": work_of(leased)["work_since"],
        }
        return self._change_pending(record, changes)

    @override
    def add_failure(self, record: MessageRecord, failure: FailedAttempt) -> None:
        self._change_pending(record, {"trail": replace(record.trail, failure=failure).to_json()})

    @override
    def move(self, record: MessageRecord, queue: QueueName, now: datetime) -> bool:
        moved = record.moved_to(queue, now)
        changes = {
            "state": moved.state,
            "lease_until": time_text(moved.lease_until),
            "queued_at": None,
            "attempts": moved.attempts,
            "publication": moved.publication,
            "queue": str(queue),
            "trail": moved.trail.to_json(),
            **work_of(moved),
        }
        found = self.messages.change(
            message_key(record.request_id),
            changes,
            "attribute_exists(#state) AND #state <> :erased",
            seen=_publication(record.publication),
            erased=MessageState.ERASED,
        )
        return found is None

    @override
    def give_up(self, record: MessageRecord) -> bool:
        return self._change_pending(record, {"state": MessageState.UNDELIVERABLE, **_NO_WORK})

    def _change_pending(self, record: MessageRecord, changes: Values) -> bool:
        """Change a message that is pending, if no other process has taken it since it was seen."""
        seen = {"state": MessageState.PENDING, "lease_until": time_text(record.lease_until)}
        return self.messages.change(message_key(record.request_id), changes, seen=seen) is None

    @override
    def mark_queued(
        self,
        request_id: str,
        queued_at: datetime,
        publication: int = 1,
        trail: Trail | None = None,
    ) -> bool:
        stored = {"trail": trail.to_json()} if trail else {}
        found = self.messages.change(
            message_key(request_id),
            {"state": MessageState.QUEUED, "queued_at": rfc3339(queued_at), **_NO_WORK, **stored},
            seen={"state": MessageState.PENDING, **_publication(publication)},
        )
        return found is None or not is_erased(found)

    @override
    def retry(self, request_id: str) -> bool:
        record = self.find_record(request_id)
        if not isinstance(record, MessageRecord):
            return False
        again = replace(record, state=MessageState.PENDING, lease_until=None, attempts=0)
        changes = {"state": again.state, "attempts": 0, "lease_until": None, **work_of(again)}
        seen = {"state": MessageState.UNDELIVERABLE}
        return self.messages.change(message_key(request_id), changes, seen=seen) is None

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
        comparison, position = bound
        partitions = [
            self.messages.query(
                f"#work = :work AND #work_since {comparison} :bound",
                {"work": work_partition(state, shard), "bound": position},
                index=WORK_INDEX,
                page_size=limit,
            )
            for shard in range(WORK_SHARDS)
        ]
        merged = heapq.merge(*partitions, key=lambda item: text_of(item, "work_since"))
        keys = (text_of(item, "request_id") for item in merged)
        records: list[MessageRecord] = []
        while len(records) < limit and (chunk := list(dict.fromkeys(islice(keys, limit)))):
            found = self.messages.read([message_key(request_id) for request_id in chunk])
            items = {text_of(item, "request_id"): item for item in found if not is_erased(item)}
            there = (self.items.record(items[each]) for each in chunk if each in items)
            records += filter(wanted, there)
        return tuple(records[:limit])


def _publication(number: int) -> Values:
    """The attribute of a publication, which the first one does not have."""
    return {"publication": number if number > 1 else None}
