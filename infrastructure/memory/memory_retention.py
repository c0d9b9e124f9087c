"""Retention, erasure and the import of histories in memory."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports.history_import import HistoryImport
from application.ports.pages import Page
from application.ports.retention import Retention
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey, imported_key
from domain.conversations import Conversation
from domain.erasure import RetainedMessage, Tombstone, author_mark
from domain.history import Message
from domain.outbox import MessageRecord
from infrastructure.memory.memory_conversations import conversations_of
from infrastructure.memory.memory_data import MemoryData


class MemoryRetention(Retention):
    """Works on the data of the other stores in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        with self._data.lock:
            retained = self._retained()
        return _page([r for r in retained if before is None or r.timestamp < before], limit, after)

    @override
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        with self._data.lock:
            retained = self._retained()
        return _page([one for one in retained if one.conversation == key], limit, after)

    def _retained(self) -> list[RetainedMessage]:
        records = self._data.records.values()
        messages = [RetainedMessage.of(_without_content(record)) for record in records]
        entries = [
            RetainedMessage(name, entry.timestamp, owner)
            for name, (owner, entry) in self._data.imported.items()
        ]
        return sorted((*messages, *entries), key=lambda one: one.key)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        with self._data.lock:
            record = self._data.records.pop(retained.key, None)
            if record is None:
                return self._data.imported.pop(retained.key, None) is not None
            mark = author_mark(retained.key, record.message.sender)
            self._data.tombstones[retained.key] = Tombstone(retained.key, mark)
            return True

    @override
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        with self._data.lock:
            return conversations_of(self._data, channel, senders)

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        with self._data.lock:
            for keys in self._data.of_sender.values():
                keys.discard(key)
            return self._data.conversations.pop(key, None) is not None

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        with self._data.lock:
            old = [
                record
                for record in self._data.conversations.values()
                if record.last_message and record.last_message.timestamp < before
            ]
            for record in old:
                self._data.conversations[record.key] = replace(record, last_message=None)
        yield len(old)


class MemoryHistoryImport(HistoryImport):
    """Works on the data of the other stores in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    @override
    def list_with_legacy_messages(
        self, limit: int, *, after: str | None = None
    ) -> Page[Conversation]:
        with self._data.lock:
            found = [r for r in self._data.conversations.values() if r.legacy_messages]
        names = {f"{r.conversation_id} {r.primary_channel}": r for r in found}
        left = [name for name in sorted(names) if after is None or name > after]
        page = left[:limit]
        records = tuple(deepcopy(names[name]) for name in page)
        return Page(records, page[-1] if page and len(page) < len(left) else None)

    @override
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        name = imported_key(key, message)
        with self._data.lock:
            if name in self._data.imported:
                return False
            self._data.imported[name] = key, deepcopy(message)
            return True

    @override
    def delete_legacy_messages(self, seen: Conversation) -> bool:
        with self._data.lock:
            present = self._data.conversations.get(seen.key)
            if present is None or present.legacy_messages != seen.legacy_messages:
                return False
            self._data.conversations[seen.key] = replace(present, legacy_messages=())
            return True


def _page(
    retained: Sequence[RetainedMessage], limit: int, after: str | None
) -> Page[RetainedMessage]:
    left = [one for one in retained if after is None or one.key > after]
    page = tuple(left[:limit])
    return Page(page, page[-1].key if page and len(page) < len(left) else None)


def _without_content(record: MessageRecord) -> MessageRecord:
    return replace(record, message=replace(record.message, body="", metadata={}))
