"""The cost of writes in DynamoDB, by its published formula and by an emulator's count.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infrastructure.aws.dynamodb.dynamodb_schema import IndexSchema, TableSchema
from infrastructure.aws.dynamodb.dynamodb_values import AttributeValue, Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def item_bytes(item: Item) -> int:
    """The bytes of names and values in UTF-8, with the overhead of maps and lists."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: AttributeValue) -> int:
    ((kind, content),) = value.items()
    match content:
        case str() if kind == "N":
            return math.ceil(len(content.strip("-").replace(".", "")) / 2) + 1
        case str():
            return len(content.encode())
        case Mapping():
            return 3 + len(content) + item_bytes(content)
        case list():
            return 3 + sum(1 + _value_bytes(inner) for inner in content)
    return 1


def write_units(schema: TableSchema, before: Item | None, after: Item) -> int:
    """The units of a write that turns ``before`` into ``after``, with its writes of indexes."""
    own = max(_units(before), _units(after))
    return own + sum(_index_units(schema, index, before, after) for index in schema.indexes)


def _index_units(schema: TableSchema, index: IndexSchema, before: Item | None, after: Item) -> int:
    old, new = _entry(schema, index, before), _entry(schema, index, after)
    if old == new:
        return 0
    moved = old and new and any(old[key] != new[key] for key in _keys(index))
    return _units(old) + _units(new) if moved else max(_units(old), _units(new))


def _entry(schema: TableSchema, index: IndexSchema, item: Item | None) -> Item | None:
    if item is None or not all(key in item for key in _keys(index)):
        return None
    held = {*_keys(index), schema.partition_key, schema.sort_key, *index.included}
    return {name: value for name, value in item.items() if name in held}


def _keys(index: IndexSchema) -> tuple[str, str]:
    return index.partition_key, index.sort_key


def _units(item: Item | None) -> int:
    return math.ceil(item_bytes(item) / 1024) if item else 0


@contextmanager
def counted_writes(client: "DynamoDBClient") -> Iterator[list[float]]:
    """The units of each write within the block, as the emulator counts them."""
    consumed: list[float] = []

    def ask(params: dict[str, Any], **_: object) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def count(parsed: dict[str, Any], **_: object) -> None:
        consumed.append(parsed["ConsumedCapacity"]["CapacityUnits"])

    events = client.meta.events
    asked = [f"provide-client-params.dynamodb.{name}" for name in ("PutItem", "UpdateItem")]
    counted = [f"after-call.dynamodb.{name}" for name in ("PutItem", "UpdateItem")]
    for event in asked:
        events.register(event, ask)
    for event in counted:
        events.register(event, count)
    try:
        yield consumed
    finally:
        for event in asked:
            events.unregister(event, ask)
        for event in counted:
            events.unregister(event, count)
