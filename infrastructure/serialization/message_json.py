"""Messages as JSON text inside a store, the same for every backend that keeps such text."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from domain.messages import InboundMessage, Message

_INBOUND: TypeAdapter[InboundMessage] = TypeAdapter(InboundMessage)
_HISTORY: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])


def inbound_to_json(message: InboundMessage) -> str:
    """``message`` without its body, which a store keeps beside it, and without its mail metadata.

    The metadata only serves to decide on a fallback, which happens when the message comes in
    and never again.
    """
    return _INBOUND.dump_json(replace(message, body="", mail=None)).decode()


def inbound_from_json(text: str, body: str) -> InboundMessage:
    """What ``inbound_to_json`` wrote, with its body."""
    return replace(_INBOUND.validate_json(text), body=body)


def messages_to_json(messages: Sequence[Message]) -> str:
    """Entries of a history."""
    return _HISTORY.dump_json(tuple(messages)).decode()


def messages_from_json(text: str) -> tuple[Message, ...]:
    """What ``messages_to_json`` wrote."""
    return _HISTORY.validate_json(text)
