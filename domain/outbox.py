"""A recorded message on its way to a queue: states, leases, and when it is given up."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.history import ConversationKey
from domain.messages import InboundMessage


class MessageState(StrEnum):
    """How far a recorded message has come."""

    PENDING = "pending"
    QUEUED = "queued"
    UNMATCHED = "unmatched"
    UNDELIVERABLE = "undeliverable"
    ERASED = "erased"


STUCK_AFTER = timedelta(seconds=30)
"""How long only its first handler may publish a pending message."""

LEASE = timedelta(seconds=30)
"""How long only the process that republishes a message for the first time may do so."""

LONGEST_LEASE = timedelta(minutes=10)
"""Each attempt has twice the time of the one before, up to this."""

MAX_ATTEMPTS = 100
"""How often a message is republished before an operator must look at it: most of a day."""


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """An inbound message in the store, under its request id.

    ``recorded_at`` is when it was verified and recorded. A record without a conversation is
    *unmatched*: its sender is not known (yet). ``attempts`` counts how often it was leased.
    """

    message: InboundMessage
    conversation: ConversationKey | None
    state: MessageState
    recorded_at: datetime
    lease_until: datetime | None = None
    queued_at: datetime | None = None
    attempts: int = 0

    @property
    def request_id(self) -> str:
        """The key of the record: the request id of its message, on every republish too."""
        return self.message.request_id

    def assigned_to(self, conversation: ConversationKey | None) -> "MessageRecord":
        """This record as the store has it after moving to ``conversation``, or to unmatched."""
        state = MessageState.PENDING if conversation else MessageState.UNMATCHED
        return replace(self, conversation=conversation, state=state)

    @property
    def due_at(self) -> datetime:
        """From when on, while it is pending, its last handler must have died."""
        first_handler = self.recorded_at + STUCK_AFTER
        return max(first_handler, self.lease_until) if self.lease_until else first_handler

    def is_stuck(self, now: datetime) -> bool:
        """Whether its handler must have died: pending for long, and no process holds the lease."""
        return self.state is MessageState.PENDING and self.due_at <= now

    def leased(self, now: datetime) -> "MessageRecord":
        """This record as the store has it after a process took it at ``now``: one more attempt."""
        time_left = min(LEASE * 2 ** min(self.attempts, 10), LONGEST_LEASE)
        return replace(self, lease_until=now + time_left, attempts=self.attempts + 1)

    @property
    def is_given_up(self) -> bool:
        """Whether it was tried so often that only an operator can help."""
        return self.attempts >= MAX_ATTEMPTS
