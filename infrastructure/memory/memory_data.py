"""What the stores in memory share."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.history import Message
from domain.outbox import MessageRecord
from infrastructure.serialization.message_json import inbound_from_json, inbound_to_json


@dataclass
class MemoryData:
    """The records of one storage, under one lock.

    What is put in and what is handed out are copies, made the way that the durable backends
    make them: through JSON where those do.
    """

    lock: Lock = field(default_factory=Lock)
    conversations: dict[ConversationKey, Conversation] = field(default_factory=dict)
    of_sender: defaultdict[tuple[ChannelType, str], set[ConversationKey]] = field(
        default_factory=lambda: defaultdict(set)
    )
    records: dict[str, MessageRecord] = field(default_factory=dict)
    imported: dict[str, tuple[ConversationKey, Message]] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)


def copied(record: MessageRecord) -> MessageRecord:
    """``record`` as a durable store would read it."""
    message = inbound_from_json(inbound_to_json(record.message), record.message.body)
    return replace(record, message=message)


def in_order_of_receipt(record: MessageRecord) -> tuple[datetime, str]:
    """By which unmatched messages are listed."""
    return record.message.received_at, record.request_id
