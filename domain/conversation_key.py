"""What identifies a conversation, and an entry that was imported into its history."""

import hashlib
import json
from dataclasses import dataclass

from domain.channels import ChannelType
from domain.history import Message


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """What identifies a conversation: its id and the channel that it runs on."""

    conversation_id: str
    primary_channel: ChannelType


def imported_key(conversation: ConversationKey, message: Message) -> str:
    """The name under which an entry of an older system's history is imported: 64 hex digits.

    The content is part of it, since other systems may give an id twice, or none. It is never
    the gate key of an inbound message, which is the hash of other parts.
    """
    parts = ["imported", conversation.conversation_id, conversation.primary_channel]
    parts += [message.direction, message.message_id, message.content]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
