"""Storage in memory: forgets everything, but keeps every other promise of its ports.

What is put in and what is handed out are copies, made the way that the durable backends make
them: through JSON where those do.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock

from typing_extensions import override

from application.ports.conversation_store import ConversationStore
from application.ports.fallback_throttle import FallbackThrottle, ThrottleLimits, ThrottleOutcome
from application.ports.message_store import MessageStore
from application.ports.retention import RetainedPage
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey, imported_key
from domain.conversations import Conversation
from domain.erasure import RetainedMessage, Tombstone, author_mark
from domain.history import Message
from domain.messages import InboundMessage
from domain.outbox import MessageRecord, MessageState
from infrastructure.serialization.address_matching import is_for, normal_senders
from infrastructure.serialization.message_json import inbound_from_json, inbound_to_json

_HOUR = timedelta(hours=1)


class MemoryConversationStore(ConversationStore):
    """Conversations in a dictionary, with an index of the senders that lead to them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[ConversationKey, Conversation] = {}
        self._of_sender: defaultdict[tuple[ChannelType, str], set[ConversationKey]] = defaultdict(
            set
        )

    @override
    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        found = self.find_all_conversations(channel, senders)
        return tuple(record for record in found if record.is_open and is_for(record, recipients))

    @override
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        with self._lock:
            created = conversation.key not in self._records
            if created:
                self._records[conversation.key] = deepcopy(conversation)
                self._add_senders(conversation.key, [conversation.sender_id])
            return deepcopy(self._records[conversation.key]), created

    @override
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        with self._lock:
            found = [r for r in self._records.values() if r.conversation_id == conversation_id]
            return tuple(deepcopy(sorted(found, key=lambda record: record.primary_channel)))

    @override
    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        with self._lock:
            records = sorted(self._records.values(), key=_latest_activity_first)
            return tuple(deepcopy(records[:limit]))

    @override
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        with self._lock:
            present = self._records.get(conversation.key)
            if present is None or not present.is_open:
                return None
            if present.recipient_id not in (conversation.recipient_id, message.recipient.address):
                return None
            self._add_senders(present.key, [identity.value for identity in message.identities])
            self._records[present.key] = present.received(message)
            return deepcopy(self._records[present.key])

    @override
    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        with self._lock:
            present = self._records.get(key)
            if present is None:
                return None
            self._records[key] = replace(present, hand_off_to_human=on)
            return deepcopy(self._records[key])

    @override
    def with_legacy_messages(self) -> Iterator[Conversation]:
        with self._lock:
            found = deepcopy([r for r in self._records.values() if r.legacy_messages])
        return iter(found)

    @override
    def drop_legacy_messages(self, seen: Conversation) -> bool:
        with self._lock:
            present = self._records.get(seen.key)
            if present is None or present.legacy_messages != seen.legacy_messages:
                return False
            self._records[seen.key] = replace(present, legacy_messages=())
            return True

    @override
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        with self._lock:
            keys = {
                key
                for sender in normal_senders(channel, senders)
                for key in self._of_sender[channel, sender]
            }
            found = [self._records[key] for key in keys]
            return tuple(deepcopy(sorted(found, key=lambda record: record.conversation_id)))

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        with self._lock:
            for keys in self._of_sender.values():
                keys.discard(key)
            return self._records.pop(key, None) is not None

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        with self._lock:
            old = [
                record
                for record in self._records.values()
                if record.last_message and record.last_message.timestamp < before
            ]
            for record in old:
                self._records[record.key] = replace(record, last_message=None)
        yield len(old)

    def _add_senders(self, key: ConversationKey, senders: Sequence[str | None]) -> None:
        for sender in normal_senders(key.primary_channel, senders):
            self._of_sender[key.primary_channel, sender].add(key)


def _latest_activity_first(record: Conversation) -> tuple[bool, float, str, str]:
    at = record.last_activity_at
    return at is None, -at.timestamp() if at else 0, record.conversation_id, record.primary_channel


class MemoryMessageStore(MessageStore):
    """Messages in a dictionary by gate key."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[str, MessageRecord] = {}
        self._imported: dict[str, tuple[ConversationKey, Message]] = {}
        self._erased: dict[str, Tombstone] = {}
        self._received: dict[str, tuple[datetime, str]] = {}

    @override
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        with self._lock:
            if record.gate_key in self._erased:
                return self._erased[record.gate_key]
            present = self._records.get(record.gate_key)
            if present is not None:
                return _copied(present)
            self._records[record.gate_key] = _copied(record)
            self._received[record.gate_key] = _in_order_of_receipt(record)
            return None

    @override
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        with self._lock:
            present = self._records.get(record.gate_key)
            if present is None or present.state is MessageState.QUEUED:
                return False
            if present.conversation != record.conversation:
                return False
            self._records[record.gate_key] = present.assigned_to(conversation)
            return True

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        return self._change_pending(record, record.leased(now))

    @override
    def give_up(self, record: MessageRecord) -> bool:
        return self._change_pending(record, replace(record, state=MessageState.UNDELIVERABLE))

    @override
    def retry(self, gate_key: str) -> bool:
        with self._lock:
            present = self._records.get(gate_key)
            if present is None or present.state is not MessageState.UNDELIVERABLE:
                return False
            self._records[gate_key] = replace(
                present, state=MessageState.PENDING, lease_until=None, attempts=0
            )
            return True

    def _change_pending(self, seen: MessageRecord, wanted: MessageRecord) -> bool:
        with self._lock:
            present = self._records.get(seen.gate_key)
            if present is None or present.state is not MessageState.PENDING:
                return False
            if present.lease_until != seen.lease_until:
                return False
            self._records[seen.gate_key] = replace(
                present,
                state=wanted.state,
                lease_until=wanted.lease_until,
                attempts=wanted.attempts,
            )
            return True

    @override
    def mark_queued(self, gate_key: str, queued_at: datetime) -> bool:
        with self._lock:
            present = self._records.get(gate_key)
            if present is not None and present.state is MessageState.PENDING:
                self._records[gate_key] = replace(
                    present, state=MessageState.QUEUED, queued_at=queued_at
                )
            return gate_key not in self._erased

    @override
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        with self._lock:
            messages = [
                _copied(record).message.in_history()
                for record in self._records.values()
                if record.conversation == key
            ]
            imported = (message for owner, message in self._imported.values() if owner == key)
            messages += deepcopy([*imported])
        messages = [message for message in messages if after is None or message.timestamp > after]
        messages.sort(key=lambda message: message.timestamp)
        return tuple(messages[max(len(messages) - limit, 0) :])

    @override
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        name = imported_key(key, message)
        with self._lock:
            if name in self._imported:
                return False
            self._imported[name] = key, deepcopy(message)
            return True

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        with self._lock:
            found = [record for record in self._records.values() if record.is_stuck(now)]
            found.sort(key=lambda record: record.due_at)
            return tuple(_copied(record) for record in found[:limit])

    @override
    def list_unmatched(self, limit: int, *, after: str | None = None) -> tuple[MessageRecord, ...]:
        with self._lock:
            last = self._received.get(after) if after is not None else None
            if after is not None and last is None:
                return ()
            found = sorted(
                (r for r in self._records.values() if r.state is MessageState.UNMATCHED),
                key=_in_order_of_receipt,
            )
            page = [
                record for record in found if last is None or _in_order_of_receipt(record) > last
            ]
            return tuple(_copied(record) for record in page[:limit])

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> RetainedPage:
        with self._lock:
            retained = [one for one in self._retained() if before is None or one.timestamp < before]
        page = [one for one in retained if after is None or one.key > after][:limit]
        return RetainedPage(tuple(page), page[-1].key if len(page) == limit else None)

    @override
    def list_retained_in(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        with self._lock:
            return iter([one for one in self._retained() if one.conversation == key])

    def _retained(self) -> list[RetainedMessage]:
        messages = [RetainedMessage.of(_without_content(r)) for r in self._records.values()]
        entries = [
            RetainedMessage(name, entry.timestamp, owner)
            for name, (owner, entry) in self._imported.items()
        ]
        return sorted((*messages, *entries), key=lambda one: one.key)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        with self._lock:
            record = self._records.pop(retained.key, None)
            if record is None:
                return self._imported.pop(retained.key, None) is not None
            mark = author_mark(retained.key, record.message.sender)
            self._erased[retained.key] = Tombstone(retained.key, record.request_id, mark)
            return True

    @override
    def is_erased(self, gate_key: str) -> bool:
        with self._lock:
            return gate_key in self._erased


def _in_order_of_receipt(record: MessageRecord) -> tuple[datetime, str]:
    return record.message.received_at, record.gate_key


def _copied(record: MessageRecord) -> MessageRecord:
    message = inbound_from_json(inbound_to_json(record.message), record.message.body)
    return replace(record, message=message)


def _without_content(record: MessageRecord) -> MessageRecord:
    return replace(record, message=replace(record.message, body="", metadata={}))


class MemoryFallbackThrottle(FallbackThrottle):
    """Who was answered when, in a dictionary."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._acquired_at: dict[str, datetime] = {}
        self._granted_in_hour: defaultdict[datetime, int] = defaultdict(int)

    @override
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            acquired_at = self._acquired_at.get(sender)
            if acquired_at is not None and now - acquired_at < limits.window:
                return ThrottleOutcome.WITHIN_WINDOW
            if self._granted_in_hour[hour] >= limits.max_per_hour:
                return ThrottleOutcome.OVER_HOURLY_LIMIT
            self._acquired_at[sender] = now
            self._granted_in_hour[hour] += 1
            return ThrottleOutcome.GRANTED

    @override
    def release(self, sender: str) -> None:
        with self._lock:
            self._acquired_at.pop(sender, None)

    @override
    def delete_older(self, moment: datetime) -> int:
        with self._lock:
            senders = [sender for sender, at in self._acquired_at.items() if at < moment]
            hours = [hour for hour in self._granted_in_hour if hour + _HOUR <= moment]
            for sender in senders:
                del self._acquired_at[sender]
            for hour in hours:
                del self._granted_in_hour[hour]
            return len(senders) + len(hours)
