"""What identifies a conversation, and an entry that was imported into its history."""

from dataclasses import dataclass

from domain.channels import ChannelType
from domain.history import Message
from domain.idempotency import request_id_of


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """What identifies a conversation: its id and the channel that it runs on."""

    conversation_id: str
    primary_channel: ChannelType


def imported_key(conversation: ConversationKey, message: Message) -> str:
    """The key under which an entry of an older system's history is imported: a UUID.

    The content is part of it, since other systems may give an id twice, or none. It is never
    the request id of an inbound message, which is made of other parts.
    """
    parts = ["imported", conversation.conversation_id, conversation.primary_channel]
    parts += [message.direction, message.message_id, message.content]
    return request_id_of(parts)
