"""What the API answers, as JSON: the names of the published records."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from domain.times import rfc3339

Item = TypeVar("Item")

Moment = Annotated[datetime, PlainSerializer(rfc3339, when_used="json")]
"""RFC 3339 in UTC with six fractional digits, as everywhere."""


class Record(BaseModel):
    """Read from the attributes of what a use case returns."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class FieldError(Record):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(Record):
    """An error answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


class PageRecord(Record, Generic[Item]):
    """A page of a list. ``cursor`` leads to the next one; it is ``null`` at the end."""

    items: tuple[Item, ...]
    cursor: str | None


class SessionRecord(Record):
    """Who asks. ``csrf_token`` and ``ends_at`` are those of a browser's session."""

    token_name: str
    scopes: tuple[str, ...]
    companies: tuple[str, ...] | None
    csrf_token: str | None
    ends_at: Moment | None
