"""A table with another key is told from what a table will never take, by every call."""

from collections.abc import Callable

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from domain.errors import StorageRefusedError, StorageUnavailableError
from infrastructure.aws.dynamodb.dynamodb_schema import TableSchema
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.dynamodb.dynamodb_faults import answering, response
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables, create_table

KEY: Item = {"request_id": {"S": "1"}}
OF_ANOTHER_KEY = "the table has another key than expected"


@pytest.mark.parametrize(
    "message",
    [
        "The provided key element does not match the schema",
        "The number of conditions on the keys is invalid",
        "One or more parameter values were invalid: Missing the key gate_key in the item",
        "One or more parameter values were invalid: Type mismatch for key request_id expected: "
        "N actual: S",
        "Query condition missed key schema element: gate_key",
    ],
)
def test_refusal_because_of_the_key_waits_for_an_operator(
    unreachable_aws: EmulatedAws, message: str
) -> None:
    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return response(request, 400, {"__type": "ValidationException", "message": message})

    table = DynamoDbTable(unreachable_aws.dynamodb, "messages")
    with (
        answering(unreachable_aws.dynamodb, answer),
        pytest.raises(StorageUnavailableError, match=f"messages: {OF_ANOTHER_KEY}") as caught,
    ):
        table.put(KEY)
    assert caught.value.needs_operator


def test_refusal_of_a_value_is_permanent(unreachable_aws: EmulatedAws) -> None:
    message = (
        "One or more parameter values are not valid. The AttributeValue for a key attribute "
        "cannot contain an empty string value. Key: request_id"
    )

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return response(request, 400, {"__type": "ValidationException", "message": message})

    table = DynamoDbTable(unreachable_aws.dynamodb, "messages")
    with answering(unreachable_aws.dynamodb, answer), pytest.raises(StorageRefusedError):
        table.put(KEY)


def test_emulators_refuse_the_key_in_the_words_of_aws(tables: Tables) -> None:
    name = unique_name("other")
    create_table(tables.client, TableSchema(name, "gate_key"))
    table = DynamoDbTable(tables.client, name)
    calls: list[Callable[[], object]] = [
        lambda: table.put(KEY),
        lambda: table.create(KEY, "request_id"),
        lambda: table.delete(KEY),
        lambda: table.change(KEY, {"state": "x"}),
    ]
    for call in calls:
        with pytest.raises(StorageUnavailableError, match=f"{name}: {OF_ANOTHER_KEY}"):
            call()
