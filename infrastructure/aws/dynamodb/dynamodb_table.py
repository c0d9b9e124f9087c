"""Calls of one DynamoDB table, with its errors as errors of the domain."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from domain.errors import StorageRefusedError, StorageUnavailableError
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.aws.dynamodb.dynamodb_values import Item, attribute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS_PER_READ = 100
"""``BatchGetItem`` takes no more."""

Values = Mapping[str, object]
"""What ``attribute`` takes, by the names that stand for it in expressions."""

_NAME = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write whose condition did not hold, and changed nothing.

    ``item`` is what is there instead, empty if nothing is. ``retried`` tells that the SDK
    made the call twice: then the first attempt, whose answer was lost, may be what made the
    condition of the second fail.
    """

    item: Item
    retried: bool


@dataclass(frozen=True, slots=True)
class DynamoDbTable:
    """One table. Every read is strongly consistent, except through an index.

    Expressions name attributes as ``#name`` and values as ``:name``: so no attribute name is
    ever a reserved word. Any call raises ``StorageUnavailableError`` or
    ``StorageRefusedError``.
    """

    client: "DynamoDBClient"
    name: str

    def put(self, item: Item) -> None:
        """Write ``item`` over whatever has its key."""
        with storage_errors(self.name):
            self.client.put_item(TableName=self.name, Item=item)

    def create(self, item: Item, key_name: str) -> Refusal | None:
        """Write ``item`` unless its key exists; ``None`` when it was written."""
        expressions = _expressions({}, ConditionExpression=f"attribute_not_exists(#{key_name})")
        outcome = self._write_if(self.client.put_item, Item=item, **expressions)
        return outcome if isinstance(outcome, Refusal) else None

    def change(self, key: Item, update: str, condition: str, values: Values) -> Refusal | None:
        """Change the item under ``condition``; ``None`` when it was changed."""
        expressions = _expressions(values, UpdateExpression=update, ConditionExpression=condition)
        outcome = self._write_if(self.client.update_item, Key=key, **expressions)
        return outcome if isinstance(outcome, Refusal) else None

    def change_and_read(
        self, key: Item, update: str, condition: str, values: Values
    ) -> Item | Refusal:
        """Change the item under ``condition``, and return it as it is afterwards."""
        expressions = _expressions(values, UpdateExpression=update, ConditionExpression=condition)
        return self._write_if(
            self.client.update_item, Key=key, ReturnValues="ALL_NEW", **expressions
        )

    def _write_if(self, call: Callable[..., Any], **request: Any) -> Item | Refusal:  # noqa: ANN401 - as boto3 takes it
        """Make a conditional call: the attributes that it returns, or why it was refused."""
        with storage_errors(self.name):
            try:
                response = call(
                    TableName=self.name,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **request,
                )
            except ClientError as error:
                return _refusal(error)
        attributes: Item = response.get("Attributes", {})
        return attributes

    def delete(self, key: Item) -> None:
        """Delete the item if it is there."""
        with storage_errors(self.name):
            self.client.delete_item(TableName=self.name, Key=key)

    def delete_existing(self, key: Item) -> bool:
        """Delete the item; ``False`` if it was not there."""
        with storage_errors(self.name):
            response = self.client.delete_item(TableName=self.name, Key=key, ReturnValues="ALL_OLD")
        return bool(response.get("Attributes"))

    def read(self, keys: Sequence[Item]) -> list[Item]:
        """The items that there are of these keys, in no order."""
        remaining = iter(keys)
        found: list[Item] = []
        while chunk := list(islice(remaining, _KEYS_PER_READ)):
            found += self._read_at_once(chunk)
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
        request: dict[str, Any] = {
            "ScanIndexForward": not descending,
            **({"IndexName": index} if index else {"ConsistentRead": True}),
            **({"Limit": page_size} if page_size else {}),
            **_expressions(values, KeyConditionExpression=condition),
        }
        pages = self._pages(self.client.query, request)
        return _while_the_index_is_there(pages) if index else pages

    def scan(self, condition: str | None = None, values: Values | None = None) -> Iterator[Item]:
        """Every item that fulfils ``condition``, in no order. All are read, and paid for."""
        chosen = _expressions(values or {}, FilterExpression=condition) if condition else {}
        return self._pages(self.client.scan, {"ConsistentRead": True, **chosen})

    def scan_page(
        self, limit: int, after: Item | None, condition: str, values: Values
    ) -> tuple[list[Item], Item | None]:
        """Those of ``limit`` items that fulfil ``condition``, and where to go on, if anywhere.

        In no order, but always in the same. ``after`` is where the page before ended.
        """
        request: dict[str, Any] = {
            "ConsistentRead": True,
            "Limit": limit,
            **({"ExclusiveStartKey": after} if after else {}),
            **_expressions(values, FilterExpression=condition),
        }
        with storage_errors(self.name):
            response = self.client.scan(TableName=self.name, **request)
        return [*response["Items"]], response.get("LastEvaluatedKey")

    def _read_at_once(self, keys: Sequence[Item]) -> list[Item]:
        found: list[Item] = []
        while keys:
            with storage_errors(self.name):
                response = self.client.batch_get_item(
                    RequestItems={self.name: {"Keys": keys, "ConsistentRead": True}}
                )
            items = response["Responses"].get(self.name, [])
            left = response.get("UnprocessedKeys", {}).get(self.name)
            if left and not items:
                raise StorageUnavailableError(f"{self.name}: keys stay unprocessed")
            found += items
            keys = left["Keys"] if left else []
        return found

    def _pages(self, call: Callable[..., Any], request: Mapping[str, Any]) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            with storage_errors(self.name):
                response = call(TableName=self.name, **request, **start)
            yield from response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _refusal(error: ClientError) -> Refusal:
    """What a failed condition says; any other error goes on."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error
    response: Mapping[str, Any] = error.response
    retries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    return Refusal(response.get("Item", {}), retries > 0)


def _expressions(values: Values, **expressions: str) -> dict[str, Any]:
    """``expressions`` with the names and values that occur in them: DynamoDB refuses others."""
    text = " ".join(expressions.values())
    used = {f":{name}": attribute(values[name]) for name in _VALUE.findall(text)}
    return {
        **expressions,
        "ExpressionAttributeNames": {f"#{name}": name for name in _NAME.findall(text)},
        **({"ExpressionAttributeValues": used} if used else {}),
    }


def _while_the_index_is_there(pages: Iterator[Item]) -> Iterator[Item]:
    """An index that is missing, or still being made, is no fault of what was asked for."""
    try:
        yield from pages
    except StorageRefusedError as error:
        raise StorageUnavailableError(str(error)) from error
