"""Dead letters: webhooks and messages that cannot be processed without an operator."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from application.ports.webhook_parser import VerifiedWebhook


class DeadLetterKind(StrEnum):
    """Why a webhook or a message could not be processed."""

    UNREADABLE = "unreadable"
    BUG = "bug"
    UNAUTHENTICATED = "unauthenticated"
    AUTOMATED = "automated"
    EXHAUSTED = "exhausted"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What will not be processed without an operator's help.

    Either a verified ``webhook``, without its ``Authorization`` header, or the ``request_id`` of a
    recorded message that cannot be put on its queue. ``reason`` names the error without any
    content of the message.
    """

    dead_letter_id: str
    kind: DeadLetterKind
    reason: str
    attempts: int
    created_at: datetime
    webhook: VerifiedWebhook | None = None
    request_id: str | None = None


def ignore(_place: str) -> None:
    """Ignore what lies in ``_place`` and cannot be read."""


class DeadLetters(Protocol):
    """Holds dead letters. Must work when the store and the queues do not."""

    @abstractmethod
    def store(self, dead_letter: DeadLetter) -> None:
        """Write ``dead_letter`` durably; of several with one id the first stays.

        Raises ``StorageUnavailableError`` if that fails.
        """

    @abstractmethod
    def replace(self, dead_letter: DeadLetter) -> bool:
        """Write ``dead_letter`` over the one with its id and ``created_at``, durably and whole.

        ``False`` if there is none. A deletion at the same moment may be undone: better twice
        than never. Raises ``StorageUnavailableError``.
        """

    @abstractmethod
    def get(self, dead_letter_id: str) -> DeadLetter | None:
        """The dead letter with this id; ``None`` if there is none, or none could have it.

        Raises ``StorageUnavailableError``, and ``BrokenDeadLetterError`` that names the place of
        one that never can be read.
        """

    @abstractmethod
    def delete(self, dead_letter_id: str) -> bool:
        """Delete the dead letter, for ever. ``False`` if there is none; it need not be readable."""

    @abstractmethod
    def each_dead_letter(
        self,
        *,
        after: tuple[datetime, str] | None = None,
        newest_first: bool = False,
        unreadable: Callable[[str], None] = ignore,
    ) -> Iterator[DeadLetter]:
        """Every dead letter by ``created_at`` and then id, each read in its turn.

        With ``after``, only those after that ``created_at`` and id; with ``newest_first`` in
        the other order.

        They are listed once, and may be replaced and deleted meanwhile: one that is gone when its
        turn comes is left out. So is what cannot be read: ``unreadable`` gets its place, a path
        or a URI, once.
        """

    @abstractmethod
    def count(self, most: int) -> int:
        """How many there are, counted to ``most`` at most; none is read.

        Raises ``StorageUnavailableError``.
        """

    @abstractmethod
    def delete_older(self, moment: datetime) -> Iterator[int]:
        """Remove what was created before ``moment``, also what cannot be read; reads nothing.

        Yields how many after each part of the work: a caller that stops asking stops it.
        """
