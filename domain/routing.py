"""Which queue a message goes to: the content-based router."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.conversations import Conversation
from domain.messages import InboundMessage
from domain.queues import ALL_QUEUES, QueueKind, QueueName

__all__ = [
    "ALL_QUEUES",
    "QueueKind",
    "QueueName",
    "Route",
    "RoutingPolicy",
    "UnauthenticatedMail",
]


class UnauthenticatedMail(StrEnum):
    """What becomes of mail whose author is not authenticated."""

    HANDOFF = "handoff"
    ACCEPT = "accept"
    DEAD_LETTER = "dead-letter"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes, and how long it waits there before a consumer sees it."""

    queue: QueueName
    delay: timedelta


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """What the operator decides about routing."""

    reply_delay: timedelta = timedelta(seconds=30)
    unauthenticated_mail: UnauthenticatedMail = UnauthenticatedMail.HANDOFF

    def needs_human_review(self, message: InboundMessage) -> bool:
        """Whether the author is not authenticated, and the operator does not accept that."""
        accepted = self.unauthenticated_mail is UnauthenticatedMail.ACCEPT
        return not (message.author_authenticated or accepted)

    def route(self, message: InboundMessage, conversation: Conversation, now: datetime) -> Route:
        """Hand-off at once when a human has taken over; else AI replies, after the delay.

        The delay lets a burst of messages be answered once. It counts from the receipt, so a
        message that is published late waits only for what is left of it. A message of an
        unauthenticated author goes to a human, for an AI would trust it.
        """
        if conversation.hand_off_to_human or self.needs_human_review(message):
            return Route(QueueName(message.channel, QueueKind.HANDOFF), timedelta(0))
        waited = max(now - message.received_at, timedelta(0))
        left = max(self.reply_delay - waited, timedelta(0))
        return Route(QueueName(message.channel, QueueKind.REPLIES), left)
