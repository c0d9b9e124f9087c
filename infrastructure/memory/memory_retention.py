"""Retention, erasure and the import of histories in memory."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports.history_import import HistoryImport
from application.ports.pages import Page
from application.ports.retention import Retention
from domain.channels import ChannelType
from domain.conversations import Conversation, Message, imported_key
from domain.erasure import RetainedMessage, Tombstone, content_marks
from domain.messages import ConversationKey
from infrastructure.memory.memory_conversations import conversations_of
from infrastructure.memory.memory_data import MemoryAdapter, page_of


class MemoryRetention(MemoryAdapter, Retention):
    """Works on the data of the other stores in memory."""

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        return self._page(limit, after, lambda one: before is None or one.timestamp < before)

    @override
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        return self._page(limit, after, lambda one: one.conversation == key)

    def _page(
        self, limit: int, after: str | None, wanted: Callable[[RetainedMessage], bool]
    ) -> Page[RetainedMessage]:
        with self._data.lock:
            records = [
                replace(record, message=replace(record.message, body="", metadata={}))
                for record in self._data.records.values()
            ]
            entries = [
                RetainedMessage(name, entry.timestamp, owner)
                for name, (owner, entry) in self._data.imported.items()
            ]
        retained = (*map(RetainedMessage.of, records), *entries)
        found = {one.key: one for one in retained if wanted(one)}
        return page_of("retained", found, limit, after)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        with self._data.lock:
            record = self._data.records.pop(retained.key, None)
            if record is None:
                return self._data.imported.pop(retained.key, None) is not None
            marks = content_marks(retained.key, record.message)
            self._data.tombstones[retained.key] = Tombstone(retained.key, marks)
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
            self._data.senders.pop(key, None)
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


class MemoryHistoryImport(MemoryAdapter, HistoryImport):
    """Works on the data of the other stores in memory."""

    @override
    def list_with_legacy_messages(
        self, limit: int, *, after: str | None = None
    ) -> Page[Conversation]:
        with self._data.lock:
            found = {
                f"{record.conversation_id} {record.primary_channel}": deepcopy(record)
                for record in self._data.conversations.values()
                if record.legacy_messages
            }
        return page_of("legacy messages", found, limit, after)

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
