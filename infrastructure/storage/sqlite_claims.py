"""Claims of automatic answers in SQLite."""

import sqlite3
from datetime import datetime

from application.ports.storage import AnswerClaims, Claim, ClaimLimits
from domain.times import parse_rfc3339, rfc3339
from infrastructure.sqlite import SqliteDatabase
from infrastructure.storage.sqlite_schema import MIGRATIONS

_CLAIMED_AT = "SELECT claimed_at FROM answer_claims WHERE sender = ?"
_GRANTED_IN = "SELECT granted FROM answer_hours WHERE hour = ?"
_CLAIM = """
    INSERT INTO answer_claims (sender, claimed_at) VALUES (?, ?)
    ON CONFLICT (sender) DO UPDATE SET claimed_at = excluded.claimed_at
"""
_COUNT = """
    INSERT INTO answer_hours (hour, granted) VALUES (?, 1)
    ON CONFLICT (hour) DO UPDATE SET granted = granted + 1
"""
_GIVE_BACK = "DELETE FROM answer_claims WHERE sender = ?"

_FORGET_CLAIMS = "DELETE FROM answer_claims WHERE claimed_at < ?"
_FORGET_HOURS = "DELETE FROM answer_hours WHERE hour < ?"

_HOUR_LENGTH = len("2026-03-04T12")


class SqliteAnswerClaims(AnswerClaims):
    """One row for each sender who was answered, one for each hour in which somebody was."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    def claim(self, sender: str, now: datetime, limits: ClaimLimits) -> Claim:
        """See ``AnswerClaims``."""
        hour = rfc3339(now)[:_HOUR_LENGTH]
        with self._database.write() as connection:
            claimed_at = _first(connection, _CLAIMED_AT, sender)
            if claimed_at and now - parse_rfc3339(str(claimed_at)) < limits.window:
                return Claim.WITHIN_WINDOW
            if int(_first(connection, _GRANTED_IN, hour) or 0) >= limits.max_per_hour:
                return Claim.OVER_HOURLY_LIMIT
            connection.execute(_CLAIM, (sender, rfc3339(now)))
            connection.execute(_COUNT, (hour,))
        return Claim.GRANTED

    def give_back(self, sender: str) -> None:
        """See ``AnswerClaims``."""
        with self._database.write() as connection:
            connection.execute(_GIVE_BACK, (sender,))

    def forget_older(self, moment: datetime) -> int:
        """See ``AnswerClaims``."""
        text = rfc3339(moment)
        with self._database.write() as connection:
            claims = connection.execute(_FORGET_CLAIMS, (text,)).rowcount
            return claims + connection.execute(_FORGET_HOURS, (text[:_HOUR_LENGTH],)).rowcount


def _first(connection: sqlite3.Connection, statement: str, value: str) -> str | int | None:
    """The only value of the only row, if there is one."""
    rows = connection.execute(statement, (value,)).fetchall()
    return rows[0][0] if rows else None
