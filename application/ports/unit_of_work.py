"""One commit for all steps of a message, where one engine holds store and queue."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from application.clock import Deadline
from application.ports.context_queue import ContextPublisher
from application.ports.conversation_store import ConversationStore
from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Unit:
    """The ports of store and queue within one unit of work.

    If it ``is_atomic``, an error takes back all that was done with them. If not, each step is
    durable by itself: what was recorded stays pending until its context is published.
    """

    conversations: ConversationStore
    messages: MessageStore
    outbox: Outbox
    publisher: ContextPublisher
    is_atomic: bool


class UnitOfWork(Protocol):
    """Runs the steps of a message in one transaction, where that is possible."""

    @abstractmethod
    def run(self, work: Callable[[Unit], Result], deadline: Deadline) -> Result:
        """What ``work`` returns, once all that it did is durable.

        ``work`` may run twice, and on another thread: it uses the ports of its unit alone, and
        does no other input or output. Raises what ``work`` raises, ``StorageUnavailableError``
        when nothing of it is certainly durable, and ``DeadlineExceededError`` when the
        ``deadline`` passes before that is known.
        """
