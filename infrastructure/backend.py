"""What a technology brings along for each role that it fills, beside the adapters themselves.

Its adapters are built, and their modules imported, when they are asked for.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from application.ports.blobs import BlobStore
from application.ports.context_queue import ContextPublisher, ContextReader
from application.ports.dead_letters import DeadLetters
from application.ports.spool import Spool
from application.ports.stores import Stores

if TYPE_CHECKING:
    from datetime import datetime

    from application.ports.checks import CheckResult


class Backend(Protocol):
    """Fills one role or several, as the settings say."""

    def checks(self) -> "Iterable[CheckResult]":
        """Everything that an operator can get wrong. Creates and changes nothing."""
        return ()

    def start_problems(self) -> Iterable[str]:
        """What would keep the server from working, a line each. May create what is embedded.

        What does not answer is a line of the kind ``Unanswered``: it keeps the server waiting,
        and does not stop its start. May raise either as a ``TemporaryError``, which tells by
        ``needs_operator`` what it is.
        """
        return ()


@runtime_checkable
class Rewritable(Protocol):
    """A backend whose files still hold what was erased in them."""

    @abstractmethod
    def rewrite(self) -> None:
        """Free the files of it. Raises ``StorageUnavailableError``."""


@runtime_checkable
class ServiceClock(Protocol):
    """A backend whose ``service`` tells the time."""

    service: str

    @abstractmethod
    def service_time(self) -> "datetime | None":
        """The time of the service, to the second; ``None`` if it does not say."""


class StorageBackend(Backend, Protocol):
    """Where conversations and messages are stored."""

    @property
    @abstractmethod
    def stores(self) -> Stores:
        """Its stores."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Its name for the operator."""

    @property
    @abstractmethod
    def purges_beside_the_server(self) -> bool:
        """Whether the server purges every day. Where that has its price, a schedule does."""

    @abstractmethod
    def is_created(self) -> bool:
        """Whether there is a store yet. What is embedded is created by its first use."""


class ContextQueue(ContextPublisher, ContextReader, Protocol):
    """Both sides of the context queues."""


class QueueBackend(Backend, Protocol):
    """Where contexts wait for their consumers."""

    @property
    @abstractmethod
    def context_queue(self) -> ContextQueue:
        """All six queues."""


class FileBackend(Backend, Protocol):
    """Where content is that is too large or too odd for a store."""

    @property
    @abstractmethod
    def blobs(self) -> BlobStore:
        """Attachments and long texts."""

    @property
    @abstractmethod
    def dead_letters(self) -> DeadLetters:
        """What could not be processed."""

    @abstractmethod
    def has_dead_letters(self) -> bool:
        """Whether there is a place for them yet."""


class SpoolBackend(Backend, Protocol):
    """Where webhooks wait that cannot be processed now."""

    @property
    @abstractmethod
    def spool(self) -> Spool:
        """The spool."""

    @abstractmethod
    def has_spool(self) -> bool:
        """Whether there is a spool yet. What is embedded is created by its first use."""
