"""Conversation records in DynamoDB."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from typing_extensions import override

from application.ports.conversation_store import ConversationStore
from application.ports.pages import Page
from domain.addresses import normal_senders
from domain.channels import ChannelType
from domain.conversations import (
    CLOSED,
    USER_REPLY_RECEIVED,
    Conversation,
    ConversationState,
    Message,
    StateChange,
)
from domain.errors import StorageRefusedError, StorageUnavailableError
from domain.messages import ConversationKey, InboundMessage
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    DynamoDbParticipants,
    conversation_from_item,
    conversation_to_item,
    conversations_from,
    key_to_item,
    last_message_to_map,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Values
from infrastructure.aws.dynamodb.dynamodb_values import Item, Stored, text_of

SENDER_INDEX = "sender"
INDEX_PAUSE_SECONDS = 0.2
"""How long an index is given to catch up before a sender counts as unknown."""

_IS_OPEN = (
    "attribute_exists(#conversation_id) AND "
    "(attribute_not_exists(#conversation_status) OR #conversation_status <> :closed)"
)
_RECIPIENT_AS_SEEN = "(#recipient_id = :known_recipient OR #recipient_id = :recipient)"
_RECIPIENT_MISSING = (
    "(attribute_not_exists(#recipient_id) OR attribute_type(#recipient_id, :null) "
    "OR #recipient_id = :recipient)"
)
_SAW_NO_LATER = (
    "(attribute_not_exists(#last_user_message_at) OR "
    "attribute_type(#last_user_message_at, :null) OR #last_user_message_at < :last_user_message_at)"
)
_GUARDED = ("conversation_status", "recipient_id", "last_user_message_at")
_STATE = ("conversation_status", "hand_off_to_human")


@dataclass(eq=False, repr=False)
class DynamoDbConversationStore(ConversationStore):
    """Records that other systems may write too, found through the items of their participants.

    A record of another system has none: it is found through the index on its sender, and its
    participants are written when the first message joins it.
    """

    records: DynamoDbTable
    participants: DynamoDbParticipants
    sleep: Callable[[float], None] = time.sleep

    @override
    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        """A conversation that fits is not read: ``record_activity`` sees its state.

        Where none fits the index is asked: another system may have written one that does.
        """
        values = normal_senders(channel, senders)
        known = [c for c in self.participants.find(channel, values) if c.is_for(recipients)]
        if len(known) == 1:
            return tuple(known)
        found_by = {conversation.key: conversation.found_by for conversation in known}
        records = self._read_open(found_by)
        for key in found_by.keys() - {record.key for record in records}:
            self.participants.remove(key, values)
        if records:
            return tuple(replace(r, found_by=found_by[r.key]) for r in records)
        return tuple(
            found for found in self._find_in_index(channel, values) if found.is_for(recipients)
        )

    @override
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        """The record comes first, then its participant item.

        After a crash between the two the record is found through the index, like a record of
        another system. Of two processes the second writes the participant too: the first may
        not have come so far.
        """
        found = self.records.create(conversation_to_item(conversation), "conversation_id")
        present = conversation if found is None else conversation_from_item(found) or conversation
        if present.is_open:
            senders = normal_senders(present.primary_channel, [present.sender_id])
            self.participants.add(present, senders)
        return present, found is None

    @override
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        items = self.records.query("#conversation_id = :id", {"id": conversation_id})
        return tuple(conversations_from(items))

    @override
    def list_conversations(
        self,
        limit: int,
        *,
        senders: Mapping[ChannelType, Sequence[str]] | None = None,
        after: str | None = None,
    ) -> Page[Conversation]:
        # Not imported by a webhook function, which lists nothing.
        from infrastructure.aws.dynamodb import dynamodb_conversation_lists as lists

        if senders is None:
            return lists.list_all(self.records, limit, after)
        of_each = (self._keys_in_index(channel, values) for channel, values in senders.items())
        return lists.list_of_senders(
            self.participants,
            chain.from_iterable(of_each),
            self.records,
            senders=senders,
            limit=limit,
            after=after,
        )

    @override
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        state, takes_it = _Activity(self.records, conversation, message).record()
        if state is None or not state.is_open:
            known = [*message.look_up_values, conversation.sender_id]
            senders = normal_senders(conversation.primary_channel, known)
            self.participants.remove(conversation.key, senders)
            return None
        identities = [identity.value for identity in message.identities] if takes_it else []
        senders = normal_senders(state.primary_channel, identities)
        missing = [sender for sender in senders if sender not in conversation.found_by]
        # Their copies of the record have another recipient.
        stale = conversation.found_by if state.recipient_id != conversation.recipient_id else ()
        self.participants.add(state, [*missing, *stale])
        return state if takes_it else None

    @override
    def change_state(
        self, key: ConversationKey, change: StateChange, *, seen: ConversationState | None = None
    ) -> tuple[Conversation | None, bool]:
        """Compares attributes as they were read, for other systems write them in other forms."""
        as_read: Values = {}
        if seen is not None:
            (item,) = self.records.read([key_to_item(key)]) or [{}]
            present = conversation_from_item(item)
            if present is None or present.state != seen:
                return present, False
            as_read = _as_read(item, _STATE)
        exists = "attribute_exists(#conversation_id)"
        found = self.records.change(key_to_item(key), change.values, exists, as_read)
        return self.get_conversation(key), found is None

    def find_linked(self, channel: ChannelType, senders: Sequence[str]) -> tuple[Conversation, ...]:
        """The records that participants or the index lead to from ``senders``, also closed ones."""
        values = normal_senders(channel, senders)
        linked = [found.key for found in self.participants.find(channel, values)]
        keys = dict.fromkeys([*linked, *self._keys_in_index(channel, values)])
        found = conversations_from(self.records.read([key_to_item(key) for key in keys]))
        return tuple(sorted(found, key=lambda record: record.conversation_id))

    def _find_in_index(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        """Records of other systems, asked for twice: an index lags behind its table."""
        found = self._read_open(self._keys_in_index(channel, senders))
        if senders and not found:
            self.sleep(INDEX_PAUSE_SECONDS)
            found = self._read_open(self._keys_in_index(channel, senders))
        return found

    def _keys_in_index(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> Iterator[ConversationKey]:
        condition = "#sender_id = :sender AND #primary_channel = :channel"
        # Other systems may write the scheme of an address, too.
        schemes = dict.fromkeys(("", channel.rules.scheme or ""))
        for written in (f"{scheme}{sender}" for sender in senders for scheme in schemes):
            values = {"sender": written, "channel": channel}
            for item in self.records.query(condition, values, index=SENDER_INDEX):
                yield ConversationKey(text_of(item, "conversation_id"), channel)

    def _read_open(self, keys: Iterable[ConversationKey]) -> tuple[Conversation, ...]:
        items = self.records.read([key_to_item(key) for key in dict.fromkeys(keys)])
        found = [record for record in conversations_from(items) if record.is_open]
        return tuple(sorted(found, key=lambda record: record.conversation_id))


@dataclass(eq=False, repr=False)
class _Activity:
    """``message`` joins ``conversation``, as it was found: a guarded update of its record."""

    records: DynamoDbTable
    conversation: Conversation
    message: InboundMessage

    def record(self) -> tuple[Conversation | None, bool]:
        """The record as it is afterwards, if there is one, and whether it takes the message.

        One round trip: DynamoDB returns the item with a condition that failed, too.
        """
        missing = self.conversation.recipient_id is None
        recipient = _RECIPIENT_MISSING if missing else _RECIPIENT_AS_SEEN
        try:
            changed, item = self._update(" AND ".join((_IS_OPEN, recipient, _SAW_NO_LATER)), {})
        except StorageRefusedError:
            # The record of an older system has no room for any change: the message is routed on.
            (item,) = self.records.read([key_to_item(self.conversation.key)]) or [{}]
            present = conversation_from_item(item)
            return present, present is not None and self._joins(present)
        present = conversation_from_item(item)
        if changed:
            return present, True
        if present is None or not self._joins(present):
            return present, False
        if present.received(self.message) is present:
            return present, True
        # Another system wrote it in a form that does not compare as text.
        seen = _as_read(item, _GUARDED)
        changed, item = self._update("attribute_exists(#conversation_id)", seen)
        if not changed:
            raise StorageUnavailableError("the conversation changes faster than it can be read")
        return conversation_from_item(item), True

    def _joins(self, present: Conversation) -> bool:
        recipients = (self.conversation.recipient_id, self.message.recipient.address)
        return present.is_open and present.recipient_id in recipients

    def _update(self, condition: str, seen: Values) -> tuple[bool, Item]:
        received_at = rfc3339(self.message.received_at)
        changes: dict[str, object] = {
            "conversation_status": USER_REPLY_RECEIVED,
            "last_user_message_at": received_at,
            "last_activity_at": received_at,
            "last_message": last_message_to_map(Message.preview_of(self.message)),
        }
        recipient = self.message.recipient.address
        if not self.conversation.recipient_id:
            # The guard says that it is still missing, or this one.
            changes["recipient_id"] = recipient
        values = {
            "recipient": recipient,
            "known_recipient": self.conversation.recipient_id,
            "closed": CLOSED,
            "null": "NULL",
        }
        key = key_to_item(self.conversation.key)
        try:
            return self.records.change_and_read(key, changes, condition, seen, **values)
        except StorageRefusedError:
            # An older system's list of messages fills the record: it has no room for a copy.
            changes["last_message"] = None
            return self.records.change_and_read(key, changes, condition, seen, **values)


def _as_read(item: Item, names: Iterable[str]) -> Values:
    return {name: Stored(item[name]) if name in item else None for name in names}
