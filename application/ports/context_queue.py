"""Queues of context objects."""

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from application.ports.pages import Page
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.errors import StorageUnavailableError
from domain.queues import ALL_QUEUES, QueueName
from domain.routing import Route

DEFAULT_VISIBILITY = timedelta(seconds=30)
"""For how long a delivery is hidden from other consumers."""


class ContextPublisher(Protocol):
    """Puts context objects on the queues."""

    @abstractmethod
    def publish(self, context: ContextObject, route: Route) -> None:
        """Put ``context`` on the queue of ``route``, to be seen after its delay.

        At least once: the key is ``context.request_id`` with its ``publication``, and a backend
        that remembers keys drops a repetition on the same queue. Raises ``QueueRoutingError``
        when the context is not, or not certainly, on the queue.
        """


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much waits on a queue: ready, delayed, and taken but not acknowledged.

    ``oldest_at`` is ``None`` when nothing waits, or when the backend does not tell. So is
    ``held_until``, when the taken context that is hidden longest comes back.
    """

    queue: QueueName
    ready: int
    delayed: int
    in_flight: int
    oldest_at: datetime | None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnknownDepth:
    """A queue that does not tell its depth; ``reason`` is why, with the remedy if it is known."""

    queue: QueueName
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """What it takes to move a delivered context to another queue."""

    queue: QueueName
    request_id: str
    publication: int
    receipt: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One context as a consumer gets it; ``receipt`` acknowledges this delivery."""

    queue: QueueName
    receipt: str
    receive_count: int
    context: ContextObject

    @property
    def key(self) -> DeliveryKey:
        """What it takes to move the context."""
        context = self.context
        return DeliveryKey(self.queue, context.request_id, context.publication, self.receipt)


class ContextReader(Protocol):
    """Takes context objects from the queues, for consumers and for the curious."""

    @abstractmethod
    def depths(self) -> tuple[QueueDepth, ...]:
        """The depth of each of the six queues.

        Raises ``StorageUnavailableError`` if one of them cannot be asked.
        """

    def depth(self, queue: QueueName) -> QueueDepth:
        """The depth of one queue; raises as ``depths``."""
        return next(depth for depth in self.depths() if depth.queue == queue)

    @abstractmethod
    def receive(
        self,
        queue: QueueName,
        limit: int,
        *,
        visibility: timedelta = DEFAULT_VISIBILITY,
    ) -> tuple[Delivery, ...]:
        """Take at most ``limit`` contexts, hidden from others for ``visibility``.

        What is not acknowledged by then is delivered again, with a higher receive count.
        Raises ``StorageUnavailableError`` when the queue cannot be read.
        """

    @abstractmethod
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        """Remove a delivered context; ``False`` if the receipt is not (or no longer) valid.

        A receipt is certain until the context is delivered again. After that it may be taken
        without removing anything; the context then simply comes again.
        """


def known_depths(reader: ContextReader) -> tuple[QueueDepth | UnknownDepth, ...]:
    """The depth of each of the six queues, whichever of them an operator has to mend.

    Raises ``StorageUnavailableError`` if none of them is known, and if they do not answer now:
    then each would be waited for in vain.
    """
    try:
        return reader.depths()
    except StorageUnavailableError as error:
        if not error.needs_operator:
            raise
        found = tuple(known_depth(reader, queue) for queue in ALL_QUEUES)
        if all(isinstance(depth, UnknownDepth) for depth in found):
            raise
    return found


def known_depth(reader: ContextReader, queue: QueueName) -> QueueDepth | UnknownDepth:
    """The depth of one queue, or why it is not known."""
    try:
        return reader.depth(queue)
    except StorageUnavailableError as error:
        return UnknownDepth(queue, str(error))


@runtime_checkable
class DelayedReader(Protocol):
    """Can show a context before its delay is over. Not every queue can."""

    @abstractmethod
    def receive_with_delayed(
        self, queue: QueueName, limit: int, *, visibility: timedelta = DEFAULT_VISIBILITY
    ) -> tuple[Delivery, ...]:
        """Take contexts as ``ContextReader.receive`` does, and those that wait for their delay."""


@dataclass(frozen=True, slots=True)
class WaitingContext:
    """A context on its queue, seen without taking it.

    It is hidden from consumers until ``visible_at``: delayed while ``receive_count`` is 0,
    taken and not acknowledged after that.
    """

    queue: QueueName
    context: ContextObject
    published_at: datetime
    visible_at: datetime
    receive_count: int


@runtime_checkable
class VisibleQueue(Protocol):
    """Can show what waits without taking it, and take what was seen. Not every queue can."""

    @abstractmethod
    def look(
        self, queue: QueueName, limit: int, *, after: str | None = None
    ) -> Page[WaitingContext]:
        """At most ``limit`` contexts in the order in which they will be delivered.

        One that is delivered or acknowledged between two pages may be missing or come twice.
        Raises ``InvalidCursorError``.
        """

    @abstractmethod
    def take(self, queue: QueueName, request_id: str, publication: int) -> Delivery | None:
        """Take one context as ``receive_with_delayed`` does; ``None`` if a consumer has it."""

    @abstractmethod
    def locate(self, request_id: str) -> tuple[WaitingContext, ...]:
        """Where the contexts of this message wait, the earliest publication first."""

    @abstractmethod
    def acknowledged(self, request_id: str) -> tuple[QueueName, ...]:
        """Where consumers acknowledged contexts of this message, the earliest publication first.

        One that was erased counts as acknowledged.
        """


@runtime_checkable
class SearchableQueue(Protocol):
    """Can find a context that no consumer has taken yet. The others are ``Unsearchable``."""

    @abstractmethod
    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        """The request ids of all contexts of these senders, delivered or not."""

    @abstractmethod
    def erase(self, request_id: str) -> int:
        """Remove the contexts with this id from all queues, delivered or not; how many.

        The id is remembered as if they were acknowledged.
        """
