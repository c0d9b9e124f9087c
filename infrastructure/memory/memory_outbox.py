"""The outbox in memory."""

from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports.outbox import Outbox
from domain.outbox import MessageRecord, MessageState
from infrastructure.memory.memory_data import MemoryData, copied


class MemoryOutbox(Outbox):
    """Works on the messages of a ``MemoryMessageStore`` with the same data."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        with self._data.lock:
            found = [record for record in self._data.records.values() if record.is_stuck(now)]
            found.sort(key=lambda record: record.due_at)
            return tuple(copied(record) for record in found[:limit])

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        return self._change_pending(record, record.leased(now))

    @override
    def give_up(self, record: MessageRecord) -> bool:
        return self._change_pending(record, replace(record, state=MessageState.UNDELIVERABLE))

    def _change_pending(self, seen: MessageRecord, wanted: MessageRecord) -> bool:
        with self._data.lock:
            present = self._data.records.get(seen.request_id)
            if present is None or present.state is not MessageState.PENDING:
                return False
            if present.lease_until != seen.lease_until:
                return False
            self._data.records[seen.request_id] = replace(
                present,
                state=wanted.state,
                lease_until=wanted.lease_until,
                attempts=wanted.attempts,
            )
            return True

    @override
    def mark_queued(self, request_id: str, queued_at: datetime) -> bool:
        with self._data.lock:
            present = self._data.records.get(request_id)
            if present is not None and present.state is MessageState.PENDING:
                self._data.records[request_id] = replace(
                    present, state=MessageState.QUEUED, queued_at=queued_at
                )
            return request_id not in self._data.tombstones

    @override
    def retry(self, request_id: str) -> bool:
        with self._data.lock:
            present = self._data.records.get(request_id)
            if present is None or present.state is not MessageState.UNDELIVERABLE:
                return False
            self._data.records[request_id] = replace(
                present, state=MessageState.PENDING, lease_until=None, attempts=0
            )
            return True
