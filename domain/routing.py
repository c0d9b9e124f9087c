"""Which queue a message goes to: the content-based router."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.conversations import Conversation
from domain.errors import AutomatedMailError, UnauthenticatedMailError
from domain.messages import InboundMessage
from domain.queues import QueueKind, QueueName


class MailPolicy(StrEnum):
    """What becomes of mail whose author is not authenticated, or of mail that a program wrote."""

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
    unauthenticated_mail: MailPolicy = MailPolicy.HANDOFF
    automated_mail: MailPolicy = MailPolicy.HANDOFF

    def needs_human_review(self, message: InboundMessage) -> bool:
        """Whether no AI may answer it: who wrote it or what is not certain, or a program wrote.

        The operator may accept mail of authors who are not authenticated, and of programs.
        """
        accepts_author = self.unauthenticated_mail is MailPolicy.ACCEPT
        accepts_program = self.automated_mail is MailPolicy.ACCEPT
        is_doubtful = not (message.author_authenticated or accepts_author)
        is_programs = message.is_automated and not accepts_program
        return message.regrouping_suspected or is_doubtful or is_programs

    def check_is_allowed(self, message: InboundMessage) -> None:
        """Raises what makes a dead letter of mail that the operator wants to look at first."""
        reviews_author = self.unauthenticated_mail is MailPolicy.DEAD_LETTER
        if reviews_author and not message.author_authenticated:
            raise UnauthenticatedMailError("the author of this mail is not authenticated")
        if self.automated_mail is MailPolicy.DEAD_LETTER and message.is_automated:
            raise AutomatedMailError("a program wrote this mail")

    def route(self, message: InboundMessage, conversation: Conversation, now: datetime) -> Route:
        """Hand-off at once when a human has taken over; else AI replies, after the delay.

        The delay lets a burst of messages be answered once. It counts from the receipt, so a
        message that is published late waits only for what is left of it.
        """
        if conversation.hand_off_to_human or self.needs_human_review(message):
            return Route(QueueName(message.channel, QueueKind.HANDOFF), timedelta(0))
        waited = max(now - message.received_at, timedelta(0))
        left = max(self.reply_delay - waited, timedelta(0))
        return Route(QueueName(message.channel, QueueKind.REPLIES), left)
