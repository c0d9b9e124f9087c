"""DynamoDB's typed attribute values, and the plain ones that they stand for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

AttributeValue: TypeAlias = "AttributeValueTypeDef"
Item: TypeAlias = Mapping[str, "AttributeValueTypeDef"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A value in the form in which it was read from an item."""

    attribute: AttributeValue


def attribute(value: object) -> AttributeValue:
    """``value`` as DynamoDB takes it: a text, a truth, a whole number or a map of these."""
    match value:
        case Stored():
            return value.attribute
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case Mapping():
            return {"M": attributes(value)}
    raise TypeError(f"no attribute is made of a {type(value).__name__}")


def attributes(values: Mapping[str, object]) -> Item:
    """``values`` as attributes; what is ``None`` is left out."""
    return {name: attribute(value) for name, value in values.items() if value is not None}


def plain(value: AttributeValue) -> object:
    """What an attribute says, also one that another system wrote."""
    ((kind, content),) = value.items()
    match content:
        case str() if kind == "N":
            return float(content) if "." in content or "E" in content.upper() else int(content)
        case Mapping():
            return {name: plain(inner) for name, inner in content.items()}
        case list() if kind == "L":
            return [plain(inner) for inner in content]
    return None if kind == "NULL" else content


def text_of(item: Item, name: str) -> str:
    """A text that the item certainly has, for we wrote it."""
    return item[name]["S"]


def time_text(moment: datetime | None) -> str | None:
    """A time as text that compares; nothing of none."""
    return rfc3339(moment) if moment else None


def json_text(value: object) -> str:
    """``value`` as JSON.

    Metadata is such text rather than a map, which has no numbers beyond 38 digits,
    cannot tell ``1.0`` from ``1`` and ends at 32 levels.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_object(value: object) -> dict[str, object]:
    """What ``json_text`` made of an object, or a map; empty if it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return dict(value) if isinstance(value, Mapping) else {}
