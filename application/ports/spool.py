"""The spool: where verified webhooks wait that cannot be processed now."""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from application.ports.webhook_parser import VerifiedWebhook
from domain.errors import UnreadableMessageError

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")

LONGEST_HIDDEN = timedelta(minutes=10)
"""How long an entry may be hidden from workers at most."""


def is_hidden(hidden_until: datetime, now: datetime) -> bool:
    """Whether an entry is hidden: not if for longer than may be, for then the clock went back."""
    return timedelta(0) < hidden_until - now <= LONGEST_HIDDEN


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A webhook that waits to be processed, without its ``Authorization`` header.

    ``entry_id`` is the same however often the webhook comes, and ``group`` is that of all
    webhooks of one sender: both have 1 to 64 letters, digits, ``-`` and ``_``, anything else is
    a ``ValueError``. ``reason`` says why it was not processed at once, without any content.
    """

    entry_id: str
    group: str
    webhook: VerifiedWebhook
    spooled_at: datetime
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what not every backend could use as a name."""
        if not (_IDENTIFIER.fullmatch(self.entry_id) and _IDENTIFIER.fullmatch(self.group)):
            raise ValueError("an entry and its group have 1 to 64 letters, digits, '-' and '_'")

    @property
    def received_at(self) -> datetime:
        """When the webhook was received."""
        return self.webhook.request.received_at


@dataclass(frozen=True, slots=True)
class SpoolDelivery:
    """An entry as a worker receives it; ``receipt`` names this delivery, ``attempts`` counts it.

    The first attempt is 1. With ``unreadable`` it must not be processed, but become a dead
    letter with that reason.
    """

    entry: SpoolEntry
    receipt: str
    attempts: int
    unreadable: UnreadableMessageError | None = None


@dataclass(frozen=True, slots=True)
class SpoolDepth:
    """How many entries wait or are being processed, and when the oldest was received.

    ``oldest_at`` is ``None`` when there is none, or when the backend does not tell.
    ``broken`` are those that could not be read and were set aside; no others are counted here.
    ``attempts`` is how often one of them was taken at most; 0 where the backend does not tell.
    """

    entries: int
    oldest_at: datetime | None
    broken: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class SpoolErasure:
    """How many entries were erased, and how many could not be read and so were left."""

    erased: int = 0
    unreadable: int = 0


class Spool(Protocol):
    """Holds webhooks until they are processed: at least once, and in order for each group.

    They are not verified again, so only Frontdesk may write here. Any method
    raises ``StorageUnavailableError`` when the spool cannot be reached.
    """

    @abstractmethod
    def enqueue(self, entry: SpoolEntry) -> None:
        """Write ``entry``: it is durable when this returns.

        While an entry waits, a repetition with its id changes nothing. A backend may keep that
        for a time only, counted from the first writing. Raises ``SpoolFullError`` at the limit.
        """

    @abstractmethod
    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        """At most ``limit`` entries, oldest first, hidden from others for ``visibility``.

        Of each group only the oldest entry, and none while that is received or released. An
        entry that is neither acknowledged nor released by the end of ``visibility`` is received
        again, as the next attempt. ``visibility`` is above zero, ``LONGEST_HIDDEN`` at most, and
        in whole seconds where the backend knows no others. An entry that cannot be read is
        logged and left out: it holds up no other group.
        """

    @abstractmethod
    def acknowledge(self, delivery: SpoolDelivery) -> None:
        """Remove the entry: its webhook is recorded, or a dead letter.

        Changes nothing if the entry was received again since.
        """

    @abstractmethod
    def release(self, delivery: SpoolDelivery, delay: timedelta, reason: str = "") -> None:
        """Have the entry received again after ``delay``, of ``LONGEST_HIDDEN`` at most.

        Its group waits with it. ``reason`` says why the attempt failed, without any content: a
        ``VisibleSpool`` shows its beginning. Changes nothing if the entry was received again since.
        """

    @abstractmethod
    def depth(self) -> SpoolDepth:
        """How much there is in the spool."""


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """An entry in the spool, seen without taking it. ``attempts`` counts its deliveries.

    ``reason`` is that of the latest attempt that failed, and the entry's own before. If it differs
    from that, it may be cut, and has letters, digits and a few marks alone. The entry is not
    received again before ``hidden_until``.
    """

    entry: SpoolEntry
    attempts: int
    reason: str = ""
    hidden_until: datetime | None = None


@runtime_checkable
class VisibleSpool(Protocol):
    """Can show what waits without taking it. Not every spool can."""

    @abstractmethod
    def look(self) -> Iterator[WaitingEntry]:
        """Every entry, the one that was received last first, each read in its turn.

        One that is gone when its turn comes, or cannot be read, is left out.
        """


@runtime_checkable
class SearchableSpool(Protocol):
    """Can look at entries without taking them. The other spools are ``Unsearchable``."""

    @abstractmethod
    def erase(self, wanted: Callable[[SpoolEntry], bool]) -> SpoolErasure:
        """Remove every entry that is ``wanted``, received or not."""
