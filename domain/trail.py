"""What is stored of a message's way, so that its trace can say why it went there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.errors import safe_reason
from domain.queues import QueueName
from domain.times import parse_rfc3339, rfc3339


class MatchRule(StrEnum):
    """By which rule the conversation of a message was found, or why there was none.

    Of several that would take it: the one that its ``THREAD`` names, else one that names the
    ``RECIPIENT``, else the one with the ``LATEST`` activity.
    """

    ONLY = "only"
    THREAD = "thread"
    RECIPIENT = "recipient"
    LATEST = "latest"
    OPENED = "opened"
    NO_CONVERSATION = "no_conversation"
    FOREIGN_RECIPIENT = "foreign_recipient"
    UNKNOWN_AUTHOR = "unknown_author"


class FallbackResult(StrEnum):
    """What became of the fallback to an unknown sender."""

    SENT = "sent"
    WRITTEN_TO_FILE = "written_to_file"
    THROTTLED = "throttled"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class FallbackOutcome:
    """What became of a fallback, ``at`` what time. ``reason`` is a code, where there is one."""

    result: FallbackResult
    at: datetime
    reason: str | None = None


LONGEST_REASON = 300
"""Why an attempt failed is cut to so many characters."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """Why a queue did not take a message, ``at`` what time.

    ``reason`` is printable, and safe to show: it holds nothing of any message.
    """

    at: datetime
    reason: str

    @classmethod
    def of(cls, error: Exception, at: datetime) -> "FailedAttempt":
        """What may be told of ``error``, cut where it is too long."""
        text = "".join(one if one.isprintable() else " " for one in safe_reason(error))
        is_short = len(text) <= LONGEST_REASON
        return cls(at, text if is_short else f"{text[: LONGEST_REASON - 1]}…")


@dataclass(frozen=True, slots=True)
class Trail:
    """What is known of a message's way. Of messages of older versions nothing is.

    ``queue`` and ``delay_seconds`` are those of its latest publication; an engine that holds
    store and queue knows them by itself, and does not repeat them here. ``failure`` is the
    latest attempt that failed to put it on its queue: it stays when another one succeeds.
    """

    rule: MatchRule | None = None
    queue: QueueName | None = None
    delay_seconds: float | None = None
    fallback: FallbackOutcome | None = None
    failure: FailedAttempt | None = None

    def to_json(self) -> str | None:
        """Short JSON without what is not known; ``None`` if nothing is."""
        fallback, failure = self.fallback, self.failure
        fields = {
            "rule": self.rule,
            "queue": str(self.queue) if self.queue else None,
            "delay": self.delay_seconds,
            "fallback": fallback.result if fallback else None,
            "reason": fallback.reason if fallback else None,
            "at": rfc3339(fallback.at) if fallback else None,
            "failure": failure.reason if failure else None,
            "failed_at": rfc3339(failure.at) if failure else None,
        }
        known = {name: value for name, value in fields.items() if value is not None}
        return _encode(known) if known else None

    @classmethod
    def from_json(cls, text: str | None) -> "Trail":
        """What ``to_json`` wrote. What another version wrote counts as not known."""
        try:
            return _trail(json.loads(text)) if text else NO_TRAIL
        except (ValueError, KeyError, TypeError, AttributeError):
            return NO_TRAIL


NO_TRAIL = Trail()
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _trail(fields: Mapping[str, Any]) -> Trail:
    result = fields.get("fallback")
    return Trail(
        rule=MatchRule(fields["rule"]) if "rule" in fields else None,
        queue=QueueName.parse(fields["queue"]) if "queue" in fields else None,
        delay_seconds=fields.get("delay"),
        fallback=FallbackOutcome(
            FallbackResult(result), parse_rfc3339(fields["at"]), fields.get("reason")
        )
        if result
        else None,
        failure=FailedAttempt(parse_rfc3339(fields["failed_at"]), fields["failure"])
        if "failure" in fields
        else None,
    )
