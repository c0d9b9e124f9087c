"""The throttle of fallbacks in DynamoDB."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from application.ports.fallback_throttle import FallbackThrottle, ThrottleLimits, ThrottleOutcome
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Plus
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes

_HOUR = timedelta(hours=1)
_HOUR_LENGTH = len("2026-03-04T12")

_WINDOW_IS_OVER = "attribute_not_exists(#acquired_at) OR #acquired_at <= :window_began"
_BELOW_LIMIT = "attribute_not_exists(#granted) OR #granted < :limit"


@dataclass(frozen=True, eq=False)
class DynamoDbFallbackThrottle(FallbackThrottle):
    """One item for each sender who got a fallback, and one for each hour in which one was sent.

    DynamoDB deletes them once they count no longer, and may be days late: so every condition
    compares the time itself. Where an answer of DynamoDB's is lost, a fallback that was granted
    may look refused: one less is sent, never one more.
    """

    throttle: DynamoDbTable

    @override
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        """The sender first, so that a refusal is not counted; over the limit it is released."""
        # Not ``change``: an acquisition that is there already may be another process's.
        acquired, _ = self.throttle.change_and_read(
            _key("sender", sender),
            {"acquired_at": rfc3339(now), "expires_at": _seconds(now + limits.window)},
            _WINDOW_IS_OVER,
            window_began=rfc3339(now - limits.window),
        )
        if not acquired:
            return ThrottleOutcome.WITHIN_WINDOW
        if limits.max_per_hour < 1 or not self._count(now, limits.max_per_hour):
            self.release(sender)
            return ThrottleOutcome.OVER_HOURLY_LIMIT
        return ThrottleOutcome.GRANTED

    @override
    def release(self, sender: str) -> None:
        self.throttle.delete(_key("sender", sender))

    @override
    def delete_older(self, moment: datetime) -> int:
        """DynamoDB does it, by ``expires_at``."""
        return 0

    def _count(self, now: datetime, limit: int) -> bool:
        key = _key("hour", rfc3339(now)[:_HOUR_LENGTH])
        changes = {"granted": Plus(1), "expires_at": _seconds(now + 2 * _HOUR)}
        counted, _ = self.throttle.change_and_read(key, changes, _BELOW_LIMIT, limit=limit)
        return counted


def _key(kind: str, name: str) -> Item:
    return attributes({"throttle_key": f"{kind}#{name}"})


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp()) + 1
