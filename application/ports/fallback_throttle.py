"""The throttle of fallbacks: at most one per sender in a window, and an hourly limit."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class ThrottleOutcome(StrEnum):
    """What became of the wish to answer a sender automatically."""

    GRANTED = "granted"
    WITHIN_WINDOW = "within_window"
    OVER_HOURLY_LIMIT = "over_hourly_limit"


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """One answer per sender in ``window``, and ``max_per_hour`` for everybody together.

    A window holds the moment of its claim and ends just before that moment plus ``window``.
    """

    window: timedelta
    max_per_hour: int


class FallbackThrottle(Protocol):
    """Who was answered automatically, and when: the brake on automatic answers."""

    @abstractmethod
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        """Claim the right to answer ``sender``: atomic, durable before it returns.

        Of any number of simultaneous claims for one sender, one is granted. The hour is a
        clock hour of ``now``. Raises ``StorageUnavailableError`` (then nothing is sent).
        """

    @abstractmethod
    def release(self, sender: str) -> None:
        """Undo a granted claim: nothing was sent. The hour's count stays."""

    @abstractmethod
    def delete_older(self, moment: datetime) -> int:
        """Forget the claims and hours before ``moment``; how many, if the backend tells.

        Where the backend does so by itself, this does nothing.
        """
