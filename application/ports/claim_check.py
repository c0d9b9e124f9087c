"""Claim check (Enterprise Integration Patterns): what is too large for a queue waits in a store."""

from abc import abstractmethod
from typing import Protocol

from domain.context import MessageContext
from domain.messages import InboundMessage


class ClaimCheck(Protocol):
    """Makes the part of a context that is the message's own fit on a queue."""

    @abstractmethod
    def store(self, message: InboundMessage) -> MessageContext:
        """What of ``message`` goes on a queue, once its large parts are stored durably.

        It is decided on the message alone, so that it can happen before the transaction. The
        same message has the same references each time. Raises ``QueueRoutingError`` if a part
        cannot be stored, or no form of it fits.
        """

    @abstractmethod
    def delete(self, message: InboundMessage) -> None:
        """Delete what ``store`` stored, for a ``message`` that has no record of its own."""
