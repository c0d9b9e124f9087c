"""The throttle of fallbacks: at most one per sender in a window, and an hourly limit."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class ThrottleOutcome(StrEnum):
    """Whether a sender may get a fallback."""

    GRANTED = "granted"
    WITHIN_WINDOW = "within_window"
    OVER_HOURLY_LIMIT = "over_hourly_limit"


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """One fallback per sender in ``window``, and ``max_per_hour`` for all senders together.

    A window begins when it is acquired and ends just before that moment plus ``window``.
    """

    window: timedelta
    max_per_hour: int


class FallbackThrottle(Protocol):
    """Who got a fallback, and when."""

    @abstractmethod
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        """Take the window of ``sender``: atomic, and durable before it returns.

        Of any number of simultaneous calls for one sender, one is granted. The hour is a
        clock hour of ``now``. Raises ``StorageUnavailableError`` (then nothing is sent).
        """

    @abstractmethod
    def release(self, sender: str) -> None:
        """Give a granted window back: nothing was sent. The hour's count stays."""

    @abstractmethod
    def delete_older(self, moment: datetime) -> int:
        """Delete what is before ``moment``; how many, or 0 where the backend does so by itself."""
