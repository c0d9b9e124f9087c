"""Messages in memory."""

from copy import deepcopy
from datetime import datetime

from typing_extensions import override

from application.ports.message_store import MessageStore
from application.ports.pages import Page
from domain.conversation_key import ConversationKey
from domain.erasure import Tombstone
from domain.history import Message
from domain.outbox import MessageRecord, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.memory.memory_data import MemoryData, copied, in_order_of_receipt


class MemoryMessageStore(MessageStore):
    """Messages in a dictionary by request id."""

    def __init__(self, data: MemoryData | None = None) -> None:
        self._data = data or MemoryData()

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
        with self._data.lock:
            present = self._data.records.get(record.request_id)
            if present is None or present.state is MessageState.QUEUED:
                return False
            if present.conversation != record.conversation:
                return False
            self._data.records[record.request_id] = present.assigned_to(conversation)
            return True

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        with self._data.lock:
            records = [copied(r) for r in self._data.records.values() if r.conversation == key]
            imported = [message for owner, message in self._data.imported.values() if owner == key]
            messages = [*(record.message.in_history() for record in records), *deepcopy(imported)]
        messages = [message for message in messages if after is None or message.timestamp > after]
        messages.sort(key=lambda message: message.timestamp)
        return tuple(messages[max(len(messages) - limit, 0) :])

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        last = _position(after) if after else None
        with self._data.lock:
            unmatched = sorted(
                (r for r in self._data.records.values() if r.state is MessageState.UNMATCHED),
                key=in_order_of_receipt,
            )
            left = [r for r in unmatched if last is None or in_order_of_receipt(r) > last]
            page = tuple(copied(record) for record in left[:limit])
        return Page(page, _cursor(page[-1]) if len(page) < len(left) and page else None)


def _cursor(record: MessageRecord) -> str:
    moment, request_id = in_order_of_receipt(record)
    return f"{rfc3339(moment)} {request_id}"


def _position(cursor: str) -> tuple[datetime, str]:
    moment, _, request_id = cursor.partition(" ")
    return parse_rfc3339(moment), request_id
