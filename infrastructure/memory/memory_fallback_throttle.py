"""The throttle of fallbacks in memory."""

from collections import defaultdict
from datetime import datetime, timedelta
from threading import Lock

from typing_extensions import override

from application.ports.fallback_throttle import FallbackThrottle, ThrottleLimits, ThrottleOutcome

_HOUR = timedelta(hours=1)


class MemoryFallbackThrottle(FallbackThrottle):
    """Who was answered when, in a dictionary."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._acquired_at: dict[str, datetime] = {}
        self._granted_in_hour: defaultdict[datetime, int] = defaultdict(int)

    @override
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            acquired_at = self._acquired_at.get(sender)
            if acquired_at is not None and now - acquired_at < limits.window:
                return ThrottleOutcome.WITHIN_WINDOW
            if self._granted_in_hour[hour] >= limits.max_per_hour:
                return ThrottleOutcome.OVER_HOURLY_LIMIT
            self._acquired_at[sender] = now
            self._granted_in_hour[hour] += 1
            return ThrottleOutcome.GRANTED

    @override
    def release(self, sender: str) -> None:
        with self._lock:
            self._acquired_at.pop(sender, None)

    @override
    def delete_older(self, moment: datetime) -> int:
        with self._lock:
            senders = [sender for sender, at in self._acquired_at.items() if at < moment]
            hours = [hour for hour in self._granted_in_hour if hour + _HOUR <= moment]
            for sender in senders:
                del self._acquired_at[sender]
            for hour in hours:
                del self._granted_in_hour[hour]
            return len(senders) + len(hours)
