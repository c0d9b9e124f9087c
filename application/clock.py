"""Time, injected: what the clock says, and how much of a webhook's time is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.errors import DeadlineExceededError

Clock = Callable[[], datetime]
"""The present instant, in UTC."""

WEBHOOK_BUDGET_SECONDS = 8.0
"""For store and queue; providers wait 15 s, and 3 s stay for writing the request aside."""


def utc_now() -> datetime:
    """What the clock of this machine says."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment on the monotonic clock after which no further step may begin."""

    ends_at: float
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float = WEBHOOK_BUDGET_SECONDS) -> "Deadline":
        """A deadline ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def seconds_left(self) -> float:
        """How much time is left; never below zero."""
        return max(self.ends_at - self.monotonic(), 0.0)

    def check(self) -> None:
        """Raise ``DeadlineExceededError`` when the time is used up."""
        if self.monotonic() >= self.ends_at:
            raise DeadlineExceededError("the time for this webhook is used up")
