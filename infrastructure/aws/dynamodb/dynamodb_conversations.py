"""Conversation records in DynamoDB."""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

from application.ports.conversation_store import ConversationStore, latest_activity_first
from domain.addresses import normal_senders
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.history import ConversationKey
from domain.messages import InboundMessage
from infrastructure.aws.dynamodb.dynamodb_activity import Activity
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    conversation_from_item,
    conversation_to_item,
    key_to_item,
)
from infrastructure.aws.dynamodb.dynamodb_participants import DynamoDbParticipants
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Refusal
from infrastructure.aws.dynamodb.dynamodb_values import Item, text_of

SENDER_INDEX = "sender"
INDEX_PAUSE_SECONDS = 0.2
"""How long an index is given to catch up before a sender counts as unknown."""


@dataclass(frozen=True, eq=False)
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
        refusal = self.records.create(conversation_to_item(conversation), "conversation_id")
        present, created = conversation, True
        if refusal is not None:
            present = conversation_from_item(refusal.item) or conversation
            created = refusal.retried and present == conversation
        if present.is_open:
            senders = normal_senders(present.primary_channel, [present.sender_id])
            self.participants.add(present, senders)
        return present, created

    @override
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        return _conversations(self.records.query("#conversation_id = :id", {"id": conversation_id}))

    @override
    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        """Reads the whole table: for the command line."""
        records = (conversation_from_item(item) for item in self.records.scan())
        on_our_channels = (record for record in records if record is not None)
        return tuple(heapq.nsmallest(limit, on_our_channels, key=latest_activity_first))

    @override
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        state, takes_it = Activity(self.records, conversation, message).record()
        if state is None or not state.is_open:
            senders = [*message.look_up_values, conversation.sender_id]
            channel = conversation.primary_channel
            self.participants.remove(conversation.key, normal_senders(channel, senders))
            return None
        identities = [identity.value for identity in message.identities] if takes_it else []
        self._link(state, identities, conversation)
        return state if takes_it else None

    @override
    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        outcome = self.records.change_and_read(
            key_to_item(key),
            "SET #hand_off_to_human = :on",
            "attribute_exists(#conversation_id)",
            {"on": on},
        )
        return None if isinstance(outcome, Refusal) else conversation_from_item(outcome)

    def _link(self, state: Conversation, identities: Sequence[str], found: Conversation) -> None:
        """Let ``identities`` lead to the record, also those by which it was not ``found``.

        Participants that still have another recipient are written again.
        """
        senders = normal_senders(state.primary_channel, identities)
        missing = [sender for sender in senders if sender not in found.found_by]
        stale = found.found_by if state.recipient_id != found.recipient_id else ()
        self.participants.add(state, [*missing, *stale])

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
        for written in _written_forms(channel, senders):
            values = {"sender": written, "channel": channel}
            for item in self.records.query(condition, values, index=SENDER_INDEX):
                yield ConversationKey(text_of(item, "conversation_id"), channel)

    def _read_open(self, keys: Iterable[ConversationKey]) -> tuple[Conversation, ...]:
        items = self.records.read([key_to_item(key) for key in dict.fromkeys(keys)])
        return tuple(record for record in _conversations(items) if record.is_open)


def _conversations(items: Iterable[Item]) -> tuple[Conversation, ...]:
    """The records on channels that we serve, by id and channel."""
    records = (conversation_from_item(item) for item in items)
    found = [record for record in records if record is not None]
    return tuple(sorted(found, key=lambda r: (r.conversation_id, r.primary_channel)))


def _written_forms(channel: ChannelType, senders: Sequence[str]) -> Iterable[str]:
    """Normalised senders, and as other systems write them."""
    for sender in senders:
        yield sender
        if scheme := channel.rules.scheme:
            yield f"{scheme}{sender}"
