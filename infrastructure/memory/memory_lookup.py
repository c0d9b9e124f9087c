"""Look-ups of single messages and customers in memory."""

from collections.abc import Callable, Mapping, Sequence

from typing_extensions import override

from application.ports.message_lookup import MessageLookup
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord, MessageState
from infrastructure.memory.memory_conversations import conversations_of
from infrastructure.memory.memory_data import MemoryAdapter, copied


class MemoryMessageLookup(MemoryAdapter, MessageLookup):
    """Reads every record."""

    @override
    def find_records(self, request_ids: Sequence[str]) -> Mapping[str, MessageRecord | Tombstone]:
        with self._data.lock:
            records, tombstones = self._data.records, self._data.tombstones
            live = {name: copied(records[name]) for name in request_ids if name in records}
            return {**{n: tombstones[n] for n in request_ids if n in tombstones}, **live}

    @override
    def find_mail(self, message_id: str, limit: int) -> tuple[MessageRecord, ...]:
        return self._latest(
            lambda record: (
                record.message.channel.rules.author_chooses_message_id
                and record.message.provider_message_id == message_id
            ),
            limit,
        )

    @override
    def latest_of(self, key: ConversationKey, limit: int) -> tuple[MessageRecord, ...]:
        return self._latest(lambda record: record.conversation == key, limit)

    @override
    def latest_unmatched(self, limit: int) -> tuple[MessageRecord, ...]:
        return self._latest(lambda record: record.state is MessageState.UNMATCHED, limit)

    @override
    def conversations_of(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        with self._data.lock:
            return conversations_of(self._data, channel, senders)

    def _latest(
        self, wanted: Callable[[MessageRecord], bool], limit: int
    ) -> tuple[MessageRecord, ...]:
        with self._data.lock:
            found = [copied(record) for record in self._data.records.values() if wanted(record)]
        found.sort(key=lambda one: (one.message.received_at, one.request_id), reverse=True)
        return tuple(found[:limit])
