"""Instants as the contracts write them."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)  # the same few times are written again and again while a webhook is handled
def rfc3339(moment: datetime) -> str:
    """``moment`` in UTC, with exactly six fractional digits and ``Z`` (RFC 3339).

    The fixed width is part of the contract: consumers and stores compare these texts.
    Raises ``ValueError`` for a datetime without a time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be compared with others")
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def readable(moment: datetime) -> str:
    """``moment`` for a person, in UTC to the second: ``2026-11-29 14:05:30 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def parse_rfc3339(text: str) -> datetime:
    """The instant that ``rfc3339`` wrote, or any other RFC 3339 text with an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be compared with others")
    return moment.astimezone(UTC)
