"""Conversation records in memory."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import astuple
from itertools import chain

from typing_extensions import override

from application.ports.conversation_store import ConversationStore, activity_place
from application.ports.pages import Page, read_cursor, write_cursor
from domain.addresses import normal_senders
from domain.channels import ChannelType
from domain.conversations import Conversation, ConversationState, StateChange
from domain.messages import ConversationKey, InboundMessage
from infrastructure.memory.memory_data import MemoryAdapter, MemoryData, page_of


class MemoryConversationStore(MemoryAdapter, ConversationStore):
    """Conversations in a dictionary, and beside them the senders that lead to each."""

    @override
    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        with self._data.lock:
            found = conversations_of(self._data, channel, senders)
        return tuple(record for record in found if record.is_open and record.is_for(recipients))

    @override
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        with self._data.lock:
            created = conversation.key not in self._data.conversations
            if created:
                self._data.conversations[conversation.key] = deepcopy(conversation)
                self._add_senders(conversation.key, [conversation.sender_id])
            return deepcopy(self._data.conversations[conversation.key]), created

    @override
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        with self._data.lock:
            records = self._data.conversations.values()
            found = [r for r in records if r.conversation_id == conversation_id]
            return tuple(deepcopy(sorted(found, key=lambda record: record.primary_channel)))

    @override
    def list_conversations(
        self,
        limit: int,
        *,
        senders: Mapping[ChannelType, Sequence[str]] | None = None,
        after: str | None = None,
    ) -> Page[Conversation]:
        with self._data.lock:
            if senders is not None:
                of_each = (conversations_of(self._data, *each) for each in senders.items())
                by_name = {"\0".join(astuple(r.key)): r for r in chain.from_iterable(of_each)}
                return page_of("conversations of senders", by_name, limit, after)
            by_place = {
                activity_place(record): record for record in self._data.conversations.values()
            }
            place = read_cursor("conversations", after, 3) if after is not None else ("~",)
            left = sorted((each for each in by_place if each < place), reverse=True)
            cursor = write_cursor("conversations", *left[limit - 1]) if len(left) > limit else None
            return Page(deepcopy(tuple(by_place[each] for each in left[:limit])), cursor)

    @override
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        with self._data.lock:
            present = self._data.conversations.get(conversation.key)
            if present is None or not present.is_open:
                return None
            if present.recipient_id not in (conversation.recipient_id, message.recipient.address):
                return None
            self._add_senders(present.key, [identity.value for identity in message.identities])
            self._data.conversations[present.key] = present.received(message)
            return deepcopy(self._data.conversations[present.key])

    @override
    def change_state(
        self, key: ConversationKey, change: StateChange, *, seen: ConversationState | None = None
    ) -> tuple[Conversation | None, bool]:
        with self._data.lock:
            present = self._data.conversations.get(key)
            if present is None:
                return None, False
            is_set = seen in (None, present.state)
            if is_set:
                self._data.conversations[key] = present.changed(change)
            return deepcopy(self._data.conversations[key]), is_set

    def _add_senders(self, key: ConversationKey, senders: Sequence[str | None]) -> None:
        known = self._data.senders.setdefault(key, set())
        known.update(normal_senders(key.primary_channel, senders))


def conversations_of(
    data: MemoryData, channel: ChannelType, senders: Sequence[str]
) -> tuple[Conversation, ...]:
    """Copies of the records of these senders, open or closed. The caller holds the lock."""
    wanted = set(normal_senders(channel, senders))
    found = [
        data.conversations[key]
        for key, known in data.senders.items()
        if key.primary_channel is channel and known & wanted
    ]
    return tuple(deepcopy(sorted(found, key=lambda record: record.conversation_id)))
