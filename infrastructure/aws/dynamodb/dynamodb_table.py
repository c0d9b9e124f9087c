"""Calls of one DynamoDB table, with its errors as errors of the domain."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from application.ports.pages import read_cursor, write_cursor
from domain.errors import InvalidCursorError, StorageRefusedError, StorageUnavailableError
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.aws.dynamodb.dynamodb_values import Item, attribute, attributes, text_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS_PER_READ = 100
"""``BatchGetItem`` takes no more."""

Values = Mapping[str, object]
"""What ``attribute`` takes, by names; ``None`` stands for an attribute that is missing."""

_ANY: Values = {}
_NAME = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


class Plus(int):
    """What is added to a number, which is 0 where there is none: by ``change_and_read`` alone."""


class DynamoDbTable:
    """One table. Every read is strongly consistent, except through an index.

    Conditions name attributes as ``#name`` and values as ``:name``: so no attribute name is
    ever a reserved word. Any call raises ``StorageUnavailableError`` or
    ``StorageRefusedError``.

    Where the answer to a write is lost, the SDK repeats it, and the condition may fail because
    of the first attempt. ``create`` and ``change`` then see that their write is there.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self.client = client
        self.name = name

    def put(self, item: Item) -> None:
        """Write ``item`` over whatever has its key."""
        with storage_errors(self.name):
            self.client.put_item(TableName=self.name, Item=item)

    def create(self, item: Item, key_name: str) -> Item | None:
        """Write ``item`` unless its key exists: ``None``, or what is there instead."""
        condition = _expressions({}, ConditionExpression=f"attribute_not_exists(#{key_name})")
        written, found = self._write_if(self.client.put_item, item, Item=item, **condition)
        return None if written else found

    def change(
        self, key: Item, changes: Values, condition: str = "", seen: Values = _ANY, **values: object
    ) -> Item | None:
        """Change the item under ``condition``: ``None``, or what is there instead of the change.

        The item must have the attributes ``seen``, too. A condition may name values of
        ``changes`` and other ``values``.
        """
        request = _update(changes, condition, seen, values)
        wanted = {name: v if v is None else attribute(v) for name, v in changes.items()}
        changed, found = self._write_if(self.client.update_item, wanted, Key=key, **request)
        return None if changed else found

    def change_and_read(
        self, key: Item, changes: Values, condition: str = "", seen: Values = _ANY, **values: object
    ) -> tuple[bool, Item]:
        """Whether the item was changed by this very call, and how it is then."""
        request = _update(changes, condition, seen, values)
        call = self.client.update_item
        return self._write_if(call, None, Key=key, ReturnValues="ALL_NEW", **request)

    def _write_if(
        self,
        call: Callable[..., Any],
        wanted: Values | None,
        **request: Any,  # noqa: ANN401 - as boto3 takes it
    ) -> tuple[bool, Item]:
        """Whether what is ``wanted`` was written, if only by a first attempt; and the item."""
        with storage_errors(self.name):
            try:
                response = call(
                    TableName=self.name, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                refusal: Mapping[str, Any] = error.response
                found: Item = refusal.get("Item", {})
                if not wanted or not refusal["ResponseMetadata"].get("RetryAttempts"):
                    return False, found
                return all(found.get(name) == value for name, value in wanted.items()), found
        return True, response.get("Attributes", {})

    def delete(self, key: Item) -> bool:
        """Delete the item; ``False`` if it was not there."""
        with storage_errors(self.name):
            response = self.client.delete_item(TableName=self.name, Key=key, ReturnValues="ALL_OLD")
        return bool(response.get("Attributes"))

    def read(self, keys: Sequence[Item]) -> list[Item]:
        """The items that there are of these keys, in no order."""
        found: list[Item] = []
        while keys:
            now: Any = {"Keys": keys[:_KEYS_PER_READ], "ConsistentRead": True}
            with storage_errors(self.name):
                response = self.client.batch_get_item(RequestItems={self.name: now})
            items = response["Responses"].get(self.name, [])
            left = response.get("UnprocessedKeys", {}).get(self.name)
            if left and not items:
                raise StorageUnavailableError(f"{self.name}: keys stay unprocessed")
            found += items
            keys = [*(left["Keys"] if left else ()), *keys[_KEYS_PER_READ:]]
        return found

    def query(
        self,
        condition: str,
        values: Values,
        *,
        index: str | None = None,
        page_size: int | None = None,
        descending: bool = False,
    ) -> Iterator[Item]:
        """The items under one partition key in the order of their sort key, page by page."""
        request = {
            "IndexName": index,
            "ConsistentRead": index is None,
            "ScanIndexForward": not descending,
            "Limit": page_size,
            **_expressions(values, KeyConditionExpression=condition),
        }
        last = None
        try:
            while True:
                page, last = self._page(self.client.query, request, last)
                yield from page
                if last is None:
                    return
        except StorageRefusedError as error:
            if index is None:
                raise
            # It is missing, or still being made, which is no fault of what was asked for.
            raise StorageUnavailableError(str(error)) from error

    def count(self, condition: str, values: Values, index: str, most: int) -> int:
        """How many items an index has under one partition key, in one call: ``most`` at most."""
        expressions = _expressions(values, KeyConditionExpression=condition)
        with storage_errors(self.name):
            return self.client.query(
                TableName=self.name, IndexName=index, Select="COUNT", Limit=most, **expressions
            )["Count"]

    def scan(
        self, condition: str = "", *, page_size: int | None = None, **values: object
    ) -> Iterator[Sequence[Item]]:
        """Every item that fulfils ``condition``, page by page. All are read, and paid for."""
        last = None
        while True:
            page, last = self._scan_page(page_size, last, condition, values)
            yield page
            if last is None:
                return

    def scan_page(
        self,
        size: int,
        after: str | None,
        key_names: Sequence[str],
        condition: str = "",
        **values: object,
    ) -> tuple[Sequence[Item], str | None]:
        """Those of ``size`` items that fulfil ``condition``, and where to go on, if anywhere.

        In no order, but always in the same. ``after`` is where the page before ended: the key of
        an item, whose attributes have these names.
        """
        start = None
        if after is not None:
            place = read_cursor(" ".join(key_names), after, len(key_names))
            if not all(place):
                raise InvalidCursorError("this cursor is not one of this list")
            start = attributes(dict(zip(key_names, place, strict=True)))
        page, last = self._scan_page(size, start, condition, values)
        if last is None:
            return page, None
        return page, write_cursor(" ".join(key_names), *(text_of(last, n) for n in key_names))

    def _scan_page(
        self, size: int | None, start: Item | None, condition: str, values: Values
    ) -> tuple[Sequence[Item], Item | None]:
        expressions = _expressions(values, FilterExpression=condition)
        request = {"ConsistentRead": True, "Limit": size, **expressions}
        return self._page(self.client.scan, request, start)

    def _page(
        self, call: Callable[..., Any], request: Mapping[str, Any], after: Item | None
    ) -> tuple[Sequence[Item], Item | None]:
        whole = {"TableName": self.name, "ExclusiveStartKey": after, **request}
        with storage_errors(self.name):
            response = call(**{name: value for name, value in whole.items() if value is not None})
        return response["Items"], response.get("LastEvaluatedKey")


def _update(changes: Values, condition: str, seen: Values, values: Values) -> dict[str, Any]:
    parts: dict[str, list[str]] = {"SET": [], "ADD": [], "REMOVE": []}
    for name, value in changes.items():
        if value is None:
            parts["REMOVE"].append(f"#{name}")
        elif isinstance(value, Plus):
            parts["ADD"].append(f"#{name} :{name}")
        else:
            parts["SET"].append(f"#{name} = :{name}")
    as_seen = (
        f"attribute_not_exists(#{name})" if value is None else f"#{name} = :seen_{name}"
        for name, value in seen.items()
    )
    return _expressions(
        {**values, **changes, **{f"seen_{name}": value for name, value in seen.items()}},
        UpdateExpression=" ".join(f"{verb} {', '.join(of)}" for verb, of in parts.items() if of),
        ConditionExpression=" AND ".join(filter(None, (condition, *as_seen))),
    )


def _expressions(values: Values, **expressions: str) -> dict[str, Any]:
    """``expressions`` with the names and values that occur in them: DynamoDB refuses others."""
    text = " ".join(expressions.values())
    parts = {
        **expressions,
        "ExpressionAttributeNames": {f"#{name}": name for name in _NAME.findall(text)},
        "ExpressionAttributeValues": {
            f":{name}": attribute(values[name]) for name in _VALUE.findall(text)
        },
    }
    return {name: part for name, part in parts.items() if part}
