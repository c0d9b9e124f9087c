"""The addresses by which conversations are found, the same for every backend."""

from collections.abc import Collection, Iterable

from domain.addresses import normal_value
from domain.channels import ChannelType
from domain.conversations import Conversation


def normal_senders(channel: ChannelType, texts: Iterable[str | None]) -> tuple[str, ...]:
    """``texts`` as normalised addresses, without repetitions and gaps, in the same order."""
    return tuple(dict.fromkeys(normal_value(channel, text) for text in texts if text))


def is_for(conversation: Conversation, recipients: Collection[str]) -> bool:
    """Whether ``conversation`` has one of ``recipients`` or none yet; always if there are none."""
    recipient = conversation.recipient_id
    return (
        not recipients
        or not recipient
        or normal_value(conversation.primary_channel, recipient) in recipients
    )
