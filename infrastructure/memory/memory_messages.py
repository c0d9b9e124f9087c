"""Messages and the outbox in memory."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.message_store import MessageStore, latest_entries
from application.ports.outbox import Outbox
from application.ports.pages import Page
from domain.conversations import HistoryEntry, Message
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord, MessageState
from domain.queues import QueueName
from domain.times import rfc3339
from domain.trail import FailedAttempt, FallbackOutcome, Trail
from infrastructure.memory.memory_data import MemoryAdapter, copied, page_of


class MemoryMessageStore(MemoryAdapter, MessageStore, Outbox):
    """Messages in a dictionary by request id. Its outbox are those that are pending."""

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        with self._data.lock:
            present = self._present(record.request_id)
            if present is None:
                self._data.records[record.request_id] = copied(record)
            return present

    @override
    def find_record(self, request_id: str) -> MessageRecord | Tombstone | None:
        with self._data.lock:
            return self._present(request_id)

    def _present(self, request_id: str) -> MessageRecord | Tombstone | None:
        record = self._data.records.get(request_id)
        return copied(record) if record else self._data.tombstones.get(request_id)

    @override
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        return self._change(
            record.request_id,
            lambda present: (
                present.state is not MessageState.QUEUED
                and present.conversation == record.conversation
            ),
            conversation=conversation,
            state=record.assigned_to(conversation).state,
        )

    @override
    def add_fallback(self, record: MessageRecord, fallback: FallbackOutcome) -> None:
        trail = replace(record.trail, fallback=fallback)
        self._change(record.request_id, _in_state(MessageState.UNMATCHED), trail=trail)

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        with self._data.lock:
            records = [copied(r) for r in self._data.records.values() if r.conversation == key]
            imported = [message for owner, message in self._data.imported.values() if owner == key]
            messages = [*(Message.of(record.message) for record in records), *deepcopy(imported)]
        messages = [message for message in messages if after is None or message.timestamp > after]
        messages.sort(key=lambda message: message.timestamp)
        return tuple(messages[max(len(messages) - limit, 0) :])

    @override
    def list_entries(
        self, key: ConversationKey, limit: int, *, before: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        with self._data.lock:
            records = [copied(r) for r in self._data.records.values() if r.conversation == key]
            imported = [message for owner, message in self._data.imported.values() if owner == key]
            entries = [HistoryEntry(message) for message in deepcopy(imported)]
        entries += (HistoryEntry(Message.of(record.message), record) for record in records)
        wanted = (entry for entry in entries if before is None or entry.timestamp < before)
        return latest_entries(wanted, limit)

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        with self._data.lock:
            unmatched = {
                f"{rfc3339(record.message.received_at)} {record.request_id}": copied(record)
                for record in self._data.records.values()
                if record.state is MessageState.UNMATCHED
            }
        return page_of("unmatched", unmatched, limit, after)

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        with self._data.lock:
            found = [record for record in self._data.records.values() if record.is_stuck(now)]
            found.sort(key=lambda record: record.due_at)
            return tuple(copied(record) for record in found[:limit])

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        leased = record.leased(now)
        changes = {"lease_until": leased.lease_until, "attempts": leased.attempts}
        return self._change(record.request_id, _pending_as(record), **changes)

    @override
    def add_failure(self, record: MessageRecord, failure: FailedAttempt) -> None:
        trail = replace(record.trail, failure=failure)
        self._change(record.request_id, _pending_as(record), trail=trail)

    @override
    def move(self, record: MessageRecord, queue: QueueName, now: datetime) -> bool:
        moved = record.moved_to(queue, now)
        return self._change(
            record.request_id,
            lambda present: present.publication == record.publication,
            state=moved.state,
            lease_until=moved.lease_until,
            queued_at=moved.queued_at,
            attempts=moved.attempts,
            publication=moved.publication,
            queue=moved.queue,
            trail=moved.trail,
        )

    @override
    def give_up(self, record: MessageRecord) -> bool:
        state = MessageState.UNDELIVERABLE
        return self._change(record.request_id, _pending_as(record), state=state)

    @override
    def mark_queued(
        self,
        request_id: str,
        queued_at: datetime,
        publication: int = 1,
        trail: Trail | None = None,
    ) -> bool:
        changes = {"trail": trail} if trail else {}
        self._change(
            request_id,
            lambda present: (
                present.state is MessageState.PENDING and present.publication == publication
            ),
            state=MessageState.QUEUED,
            queued_at=queued_at,
            **changes,
        )
        return request_id not in self._data.tombstones

    @override
    def retry(self, request_id: str) -> bool:
        changes = {"state": MessageState.PENDING, "lease_until": None, "attempts": 0}
        return self._change(request_id, _in_state(MessageState.UNDELIVERABLE), **changes)

    def _change(
        self,
        request_id: str,
        only_if: Callable[[MessageRecord], bool],
        **changes: Any,  # noqa: ANN401 - attributes of the record, as replace takes them
    ) -> bool:
        with self._data.lock:
            present = self._data.records.get(request_id)
            if present is None or not only_if(present):
                return False
            self._data.records[request_id] = replace(present, **changes)
            return True


def _in_state(state: MessageState) -> Callable[[MessageRecord], bool]:
    return lambda present: present.state is state


def _pending_as(seen: MessageRecord) -> Callable[[MessageRecord], bool]:
    return lambda present: (
        present.state is MessageState.PENDING and present.lease_until == seen.lease_until
    )
