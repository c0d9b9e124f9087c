"""The history of a conversation: its entries, and how much of one is repeated elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.channels import ChannelType

Metadata = Mapping[str, object]
"""What is known about a message, in JSON types."""


LAST_MESSAGE_BYTES = 2048
"""How much of a message's content the conversation record repeats."""


def cut_to_bytes(text: str, size_bytes: int) -> str:
    """The longest beginning of ``text`` that is at most ``size_bytes`` long in UTF-8."""
    return text.encode()[:size_bytes].decode(errors="ignore")


class Direction(StrEnum):
    """Who wrote an entry of the history: the customer or the company."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation's history."""

    message_id: str
    direction: Direction
    content: str
    timestamp: datetime
    channel_type: ChannelType
    metadata: Metadata = field(default_factory=dict)

    def preview(self) -> "Message":
        """What the conversation record keeps of its last message: at most 2 KB, no metadata."""
        content = cut_to_bytes(self.content, LAST_MESSAGE_BYTES)
        return Message(self.message_id, self.direction, content, self.timestamp, self.channel_type)


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """What identifies a conversation: its id and the channel that it runs on."""

    conversation_id: str
    primary_channel: ChannelType
