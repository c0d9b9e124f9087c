"""Storage in this process: for tests and ``serve --ephemeral``. Keeps every promise but durability.

Domain objects are frozen, so only metadata could be changed by a caller: it is copied on the
way in and on the way out.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from application.ports.storage import (
    AnswerClaims,
    Claim,
    ClaimLimits,
    ConversationStore,
    MessageStore,
)
from domain.addresses import Address, ChannelType
from domain.conversations import Conversation
from domain.errors import InvalidAddressError
from domain.messages import (
    ConversationKey,
    InboundMessage,
    Message,
    MessageRecord,
    MessageState,
)


class MemoryConversationStore(ConversationStore):
    """Conversations by key, and the sender values that lead to each."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._records: Final[dict[ConversationKey, Conversation]] = {}
        self._participants: Final[dict[ConversationKey, set[str]]] = {}

    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        """Look every record over: there are few."""
        with self._lock:
            return tuple(
                deepcopy(record)
                for key, record in self._records.items()
                if key.primary_channel is channel
                and record.is_open
                and not self._participants[key].isdisjoint(senders)
            )

    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        """Create the record unless its key exists."""
        with self._lock:
            created = conversation.key not in self._records
            if created:
                self._records[conversation.key] = deepcopy(conversation)
                self._participants[conversation.key] = _participants(conversation)
            return deepcopy(self._records[conversation.key]), created

    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        """The records with this id."""
        with self._lock:
            return tuple(
                deepcopy(record)
                for key, record in self._records.items()
                if key.conversation_id == conversation_id
            )

    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        """Latest activity first."""
        with self._lock:
            records = sorted(self._records.values(), key=_activity, reverse=True)
            return tuple(deepcopy(records[:limit]))

    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """Apply the message to the stored record, if it is still the one that was matched."""
        with self._lock:
            stored = self._records.get(conversation.key)
            if stored is None or not stored.is_open:
                return None
            if stored.recipient_id not in {conversation.recipient_id, message.recipient.address}:
                return None
            self._records[conversation.key] = deepcopy(stored.received(message))
            self._participants[conversation.key].update(i.value for i in message.identities)
            return deepcopy(self._records[conversation.key])

    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        """Set who answers."""
        with self._lock:
            if key not in self._records:
                return None
            self._records[key] = replace(self._records[key], hand_off_to_human=on)
            return deepcopy(self._records[key])


def _activity(conversation: Conversation) -> datetime:
    return conversation.last_activity_at or datetime.min.replace(tzinfo=UTC)


def _participants(conversation: Conversation) -> set[str]:
    if conversation.sender_id is None:
        return set()
    try:
        return {Address.parse(conversation.primary_channel, conversation.sender_id).value}
    except InvalidAddressError:
        return {conversation.sender_id}


class MemoryMessageStore(MessageStore):
    """Message records by gate key."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._records: Final[dict[str, MessageRecord]] = {}

    def record(self, record: MessageRecord) -> MessageRecord | None:
        """The gate."""
        with self._lock:
            existing = self._records.get(record.gate_key)
            if existing is None:
                self._records[record.gate_key] = deepcopy(record)
            return deepcopy(existing)

    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        """Move a message that is not queued."""
        with self._lock:
            stored = self._records.get(record.gate_key)
            if (
                stored is None
                or stored.state is MessageState.QUEUED
                or stored.conversation != record.conversation
            ):
                return False
            self._records[record.gate_key] = stored.assigned_to(conversation)
            return True

    def take_lease(self, record: MessageRecord, until: datetime) -> bool:
        """Reserve a pending message."""
        with self._lock:
            stored = self._records.get(record.gate_key)
            if (
                stored is None
                or stored.state is not MessageState.PENDING
                or stored.lease_until != record.lease_until
            ):
                return False
            self._records[record.gate_key] = replace(stored, lease_until=until)
            return True

    def mark_queued(self, gate_key: str, queued_at: datetime) -> None:
        """Clear the pending marker."""
        with self._lock:
            stored = self._records.get(gate_key)
            if stored is not None and stored.state is MessageState.PENDING:
                self._records[gate_key] = replace(
                    stored, state=MessageState.QUEUED, queued_at=queued_at
                )

    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        """The latest messages, oldest first."""
        with self._lock:
            messages = sorted(
                (
                    deepcopy(record.message.in_history())
                    for record in self._records.values()
                    if record.conversation == key
                    and (after is None or record.message.received_at > after)
                ),
                key=lambda message: message.timestamp,
            )
            return tuple(messages[max(len(messages) - limit, 0) :])

    def list_unmatched(self, limit: int, *, after: str | None = None) -> tuple[MessageRecord, ...]:
        """In order of receipt, then of gate key."""
        with self._lock:
            start = self._records.get(after) if after is not None else None
            unmatched = sorted(
                (r for r in self._records.values() if r.state is MessageState.UNMATCHED),
                key=_receipt_order,
            )
            page = [
                r for r in unmatched if start is None or _receipt_order(r) > _receipt_order(start)
            ]
            return tuple(deepcopy(page[:limit]))


def _receipt_order(record: MessageRecord) -> tuple[datetime, str]:
    return record.message.received_at, record.gate_key


class MemoryAnswerClaims(AnswerClaims):
    """Claims by sender, and how many each clock hour has seen."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._claimed_at: Final[dict[str, datetime]] = {}
        self._hours: Final[Counter[datetime]] = Counter()

    def claim(self, sender: str, now: datetime, limits: ClaimLimits) -> Claim:
        """Claim the right to answer ``sender``."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            last = self._claimed_at.get(sender)
            if last is not None and now - last < limits.window:
                return Claim.WITHIN_WINDOW
            if self._hours[hour] >= limits.max_per_hour:
                return Claim.OVER_HOURLY_LIMIT
            self._claimed_at[sender] = now
            self._hours[hour] += 1
            return Claim.GRANTED

    def give_back(self, sender: str) -> None:
        """Undo a granted claim."""
        with self._lock:
            self._claimed_at.pop(sender, None)
