"""Queues of context objects."""

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.channels import ChannelType
from domain.context import ContextObject
from domain.routing import QueueName, Route


class ContextPublisher(Protocol):
    """Puts context objects on the queues."""

    @abstractmethod
    def publish(self, context: ContextObject, route: Route) -> None:
        """Put ``context`` on the queue of ``route``, to be seen after its delay.

        At least once: the key is ``context.request_id``, and a backend that remembers keys
        drops a repetition on the same queue. Raises ``QueueRoutingError`` when the context is
        not, or not certainly, on the queue.
        """


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much waits on a queue: ready, delayed, and taken but not acknowledged.

    ``oldest_at`` is ``None`` when nothing waits, or when the backend does not tell (SQS).
    """

    queue: QueueName
    ready: int
    delayed: int
    in_flight: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One context as a consumer gets it; ``receipt`` acknowledges this delivery."""

    queue: QueueName
    receipt: str
    receive_count: int
    context: ContextObject


class ContextReader(Protocol):
    """Takes context objects from the queues, for consumers and for the curious."""

    shows_delayed: bool
    """Whether ``include_delayed`` can be had. SQS shows nothing before its time."""

    can_erase: bool
    """Whether a context can be found before it is delivered. On SQS it cannot."""

    @abstractmethod
    def depths(self) -> tuple[QueueDepth, ...]:
        """The depth of each of the six queues."""

    @abstractmethod
    def receive(
        self,
        queue: QueueName,
        limit: int,
        *,
        visibility: timedelta = timedelta(seconds=30),
        include_delayed: bool = False,
    ) -> tuple[Delivery, ...]:
        """Take at most ``limit`` contexts, hidden from others for ``visibility``.

        What is not acknowledged by then is delivered again, with a higher receive count.
        ``include_delayed`` also takes what is still waiting for its delay: only where the
        backend ``shows_delayed``, for elsewhere it is a ``ValueError``. Raises
        ``StorageUnavailableError`` when the queue cannot be read.
        """

    @abstractmethod
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        """Remove a delivered context; ``False`` if the receipt is not (or no longer) valid.

        A receipt is certain until the context is delivered again. After that it may be taken
        without removing anything (SQS); the context then simply comes again.
        """

    @abstractmethod
    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        """The request ids of all contexts of these senders, delivered or not.

        Only where the backend ``can_erase``: elsewhere this finds nothing.
        """

    @abstractmethod
    def erase(self, request_id: str) -> int:
        """Remove the contexts with this id from all queues, delivered or not; how many.

        The id is remembered as if they were acknowledged. Only where the backend
        ``can_erase``: elsewhere this removes nothing.
        """
