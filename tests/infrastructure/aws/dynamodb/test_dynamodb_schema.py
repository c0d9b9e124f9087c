"""The check of the tables' schema reports each difference as a sentence."""

from dataclasses import replace
from typing import Any

import pytest

from domain.errors import StorageUnavailableError
from infrastructure.aws.dynamodb.dynamodb_schema import TableSchema, check_tables
from tests.emulators import unique_name
from tests.infrastructure.aws.dynamodb.dynamodb_faults import every_response
from tests.infrastructure.aws.dynamodb.dynamodb_tables import ROLES, Tables, create_table


@pytest.fixture
def messages(tables: Tables) -> TableSchema:
    return tables.schemas[ROLES.index("messages")]


def problems(tables: Tables, expected: TableSchema, created: TableSchema) -> tuple[str, ...]:
    """The problems of a table with the schema ``created`` where ``expected`` is expected."""
    name = unique_name("other")
    create_table(tables.client, replace(created, name=name))
    found = check_tables(tables.client, [replace(expected, name=name)])
    return tuple(problem.replace(name, "TABLE") for problem in found)


def test_tables_with_the_expected_schema_have_no_problem(tables: Tables) -> None:
    assert check_tables(tables.client, tables.schemas) == ()


def test_missing_table_is_reported(tables: Tables) -> None:
    missing = TableSchema("no-such-table", "key")
    found = check_tables(tables.client, [missing, *tables.schemas])
    assert found == ("table no-such-table: expected one, found none",)


def test_other_table_key_is_reported(tables: Tables) -> None:
    expected, created = TableSchema("", "sender", "conversation_id"), TableSchema("", "sender")
    assert problems(tables, expected, created) == (
        "table TABLE: expected the key sender (S), conversation_id (S), found sender (S)",
    )


def test_table_key_of_another_type_is_reported(tables: Tables) -> None:
    name = unique_name("numbers")
    tables.client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "throttle_key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "throttle_key", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    (problem,) = check_tables(tables.client, [TableSchema(name, "throttle_key")])
    assert problem == f"table {name}: expected the key throttle_key (S), found throttle_key (N)"


def test_missing_indexes_are_reported(tables: Tables, messages: TableSchema) -> None:
    assert problems(tables, messages, replace(messages, indexes=())) == (
        "index history of table TABLE: expected one, found none",
        "index work of table TABLE: expected one, found none",
    )
    only_work = replace(messages, indexes=messages.indexes[1:])
    assert problems(tables, messages, only_work) == (
        "index history of table TABLE: expected one, found work",
    )


def test_index_with_another_key_is_reported(tables: Tables, messages: TableSchema) -> None:
    history, work = messages.indexes
    other = replace(messages, indexes=(replace(history, sort_key="recorded_at"), work))
    assert problems(tables, messages, other) == (
        "index history of table TABLE: expected the key conversation (S), timestamp (S), "
        "found conversation (S), recorded_at (S)",
    )


def test_index_without_all_attributes_is_reported(tables: Tables, messages: TableSchema) -> None:
    history, work = messages.indexes
    less = replace(messages, indexes=(replace(history, included=("content",)), work))
    (problem,) = problems(tables, messages, less)
    assert problem.startswith("index history of table TABLE: expected it to hold channel_type, ")
    assert problem.endswith(", found content")
    none = replace(messages, indexes=(replace(history, included=()), work))
    (problem,) = problems(tables, messages, none)
    assert problem.endswith(", found keys only")


def test_index_with_all_attributes_has_no_problem(tables: Tables) -> None:
    name = unique_name("everything")
    schema: Any = [
        {"AttributeName": "work", "KeyType": "HASH"},
        {"AttributeName": "work_since", "KeyType": "RANGE"},
    ]
    tables.client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "work", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in ("work", "work_since")
        ],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "history",
                "KeySchema": schema,
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    history = tables.schemas[ROLES.index("messages")].indexes[0]
    wanted = replace(history, partition_key="work", sort_key="work_since")
    assert check_tables(tables.client, [TableSchema(name, "work", indexes=(wanted,))]) == ()


def test_items_that_do_not_expire_are_reported(tables: Tables) -> None:
    throttle = tables.schemas[ROLES.index("fallback_throttle")]
    assert problems(tables, throttle, replace(throttle, expires_by=None)) == (
        "table TABLE: expected items to expire by expires_at, found no time to live",
    )
    assert problems(tables, throttle, replace(throttle, expires_by="ttl")) == (
        "table TABLE: expected items to expire by expires_at, found ttl",
    )


def test_refused_check_raises_an_error_instead_of_reporting_a_problem(tables: Tables) -> None:
    with (
        every_response(tables.client, 400, "AccessDeniedException"),
        pytest.raises(StorageUnavailableError, match="AccessDenied"),
    ):
        check_tables(tables.client, tables.schemas)
