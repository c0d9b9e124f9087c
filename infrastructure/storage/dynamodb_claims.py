"""Claims of automatic answers in DynamoDB."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from application.ports.storage import AnswerClaims, Claim, ClaimLimits
from domain.times import rfc3339
from infrastructure.storage.dynamodb_table import DynamoDbTable
from infrastructure.storage.dynamodb_values import Item, attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_HOUR = timedelta(hours=1)
_HOUR_LENGTH = len("2026-03-04T12")

_CLAIM = "SET #claimed_at = :now, #expires_at = :expires_at"
_WINDOW_IS_OVER = "attribute_not_exists(#claimed_at) OR #claimed_at <= :window_began"
_COUNT = "ADD #granted :one SET #expires_at = :expires_at"
_BELOW_LIMIT = "attribute_not_exists(#granted) OR #granted < :limit"


class DynamoDbAnswerClaims(AnswerClaims):
    """One item for each sender who was answered, one for each hour in which somebody was.

    DynamoDB deletes them once they count no longer, and may be days late: so every condition
    compares the time itself. Where an answer of DynamoDB's is lost, a claim that was granted
    may look refused: a fallback less, never one more.
    """

    def __init__(self, client: "DynamoDBClient", claims: str) -> None:
        self._claims = DynamoDbTable(client, claims)

    def claim(self, sender: str, now: datetime, limits: ClaimLimits) -> Claim:
        """See ``AnswerClaims``.

        The sender first, so that a refused claim is not counted; over the limit, it is given
        back.
        """
        if not self._claim_window(sender, now, limits.window):
            return Claim.WITHIN_WINDOW
        if not self._count(now, limits.max_per_hour):
            self.give_back(sender)
            return Claim.OVER_HOURLY_LIMIT
        return Claim.GRANTED

    def give_back(self, sender: str) -> None:
        """See ``AnswerClaims``."""
        self._claims.delete(_key("sender", sender))

    def forget_older(self, moment: datetime) -> int:  # noqa: ARG002 - the port's signature
        """See ``AnswerClaims``. DynamoDB does it, by ``expires_at``."""
        return 0

    def _claim_window(self, sender: str, now: datetime, window: timedelta) -> bool:
        values = {
            "now": rfc3339(now),
            "window_began": rfc3339(now - window),
            "expires_at": _seconds(now + window),
        }
        refusal = self._claims.change(
            _key("sender", sender), _CLAIM, _WINDOW_IS_OVER, attributes(values)
        )
        return refusal is None

    def _count(self, now: datetime, limit: int) -> bool:
        if limit < 1:
            return False
        values = {"one": 1, "limit": limit, "expires_at": _seconds(now + 2 * _HOUR)}
        key = _key("hour", rfc3339(now)[:_HOUR_LENGTH])
        return self._claims.change(key, _COUNT, _BELOW_LIMIT, attributes(values)) is None


def _key(kind: str, name: str) -> Item:
    return attributes({"claim": f"{kind}#{name}"})


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp()) + 1
