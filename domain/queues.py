"""The six queues: one for each channel and for who answers on it."""

from dataclasses import dataclass
from enum import StrEnum

from domain.channels import ChannelType


class QueueKind(StrEnum):
    """What a queue's consumers do."""

    REPLIES = "replies"
    HANDOFF = "handoff"


@dataclass(frozen=True, slots=True)
class QueueName:
    """One of the six queues: a channel and who answers on it."""

    channel: ChannelType
    kind: QueueKind

    def __str__(self) -> str:
        return f"{self.channel}-{self.kind}"

    @classmethod
    def parse(cls, text: str) -> "QueueName":
        """The queue whose name is ``text``; ``ValueError`` if there is none."""
        channel, _, kind = text.partition("-")
        return cls(ChannelType(channel), QueueKind(kind))


ALL_QUEUES: tuple[QueueName, ...] = tuple(
    QueueName(channel, kind) for channel in ChannelType for kind in QueueKind
)
