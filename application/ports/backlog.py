"""How much waits in a store, in numbers."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoreBacklog:
    """Messages that are pending, due or not, and messages that are unmatched.

    ``oldest_pending_at`` is when the oldest of the pending ones was recorded; ``None`` if none
    is pending.
    """

    pending: int
    oldest_pending_at: datetime | None
    unmatched: int


class Backlog(Protocol):
    """Counts what waits, without reading it where the backend can."""

    @abstractmethod
    def count(self, most: int) -> StoreBacklog:
        """Count to ``most`` at most: what it costs has a limit, however much waits.

        The oldest is exact while no more than 100 messages are pending. Where a backend's index
        lags behind, the latest may be missing. Raises ``StorageUnavailableError``.
        """
