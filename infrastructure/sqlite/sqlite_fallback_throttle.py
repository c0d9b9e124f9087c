"""Fallback claims in SQLite."""

from datetime import datetime

from typing_extensions import override

from application.ports.fallback_throttle import FallbackThrottle, ThrottleLimits, ThrottleOutcome
from domain.times import parse_rfc3339, rfc3339
from infrastructure.sqlite.sqlite_schema import SqliteAdapter

_PRESENT = """
    SELECT (SELECT acquired_at FROM fallback_throttle WHERE sender = ?),
           (SELECT granted FROM fallback_hours WHERE hour = ?)
"""
_ACQUIRE = """
    INSERT INTO fallback_throttle (sender, acquired_at) VALUES (?, ?)
    ON CONFLICT (sender) DO UPDATE SET acquired_at = excluded.acquired_at
"""
_COUNT = """
    INSERT INTO fallback_hours (hour, granted) VALUES (?, 1)
    ON CONFLICT (hour) DO UPDATE SET granted = granted + 1
"""
_RELEASE = "DELETE FROM fallback_throttle WHERE sender = ?"

_DELETE_OLD_WINDOWS = "DELETE FROM fallback_throttle WHERE acquired_at < ?"
_DELETE_OLD_HOURS = "DELETE FROM fallback_hours WHERE hour < ?"

_HOUR_LENGTH = len("2026-03-04T12")


class SqliteFallbackThrottle(SqliteAdapter, FallbackThrottle):
    """One row for each sender who was answered, one for each hour in which a fallback was sent."""

    @override
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        hour = rfc3339(now)[:_HOUR_LENGTH]
        with self._database.write() as connection:
            acquired_at, granted = connection.execute(_PRESENT, (sender, hour)).fetchone()
            if acquired_at and now - parse_rfc3339(acquired_at) < limits.window:
                return ThrottleOutcome.WITHIN_WINDOW
            if (granted or 0) >= limits.max_per_hour:
                return ThrottleOutcome.OVER_HOURLY_LIMIT
            connection.execute(_ACQUIRE, (sender, rfc3339(now)))
            connection.execute(_COUNT, (hour,))
        return ThrottleOutcome.GRANTED

    @override
    def release(self, sender: str) -> None:
        self._database.change(_RELEASE, (sender,))

    @override
    def delete_older(self, moment: datetime) -> int:
        text = rfc3339(moment)
        windows = self._database.change(_DELETE_OLD_WINDOWS, (text,))
        return windows + self._database.change(_DELETE_OLD_HOURS, (text[:_HOUR_LENGTH],))
