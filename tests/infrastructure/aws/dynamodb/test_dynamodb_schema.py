"""The check of the tables' schema reports each difference as a sentence."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from application.ports.checks import Unanswered, Unreported
from infrastructure.aws.dynamodb.dynamodb_schema import IndexSchema, TableSchema, check_tables
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.dynamodb.dynamodb_faults import (
    answering,
    every_response,
    response,
    sent,
)
from tests.infrastructure.aws.dynamodb.dynamodb_tables import ROLES, Tables, create_table

OTHER = "a table of an unreleased version, or of another program; make a new one"


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
        "table TABLE: expected the key sender (S), conversation_id (S), found sender (S): " + OTHER,
    )


def test_a_table_of_an_unreleased_version(tables: Tables, messages: TableSchema) -> None:
    (problem,) = problems(tables, messages, replace(messages, partition_key="idempotency"))
    assert problem == (
        "table TABLE: expected the key request_id (S), found idempotency (S): " + OTHER
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
    told = f"table {name}: expected the key throttle_key (S), found throttle_key (N)"
    assert problem == f"{told}: {OTHER}"


def test_missing_indexes_are_reported(tables: Tables, messages: TableSchema) -> None:
    assert problems(tables, messages, replace(messages, indexes=())) == (
        "index history of table TABLE: expected one, found none",
        "index work of table TABLE: expected one, found none",
        "index mail of table TABLE: expected one, found none",
    )
    only_work = replace(messages, indexes=messages.indexes[1:])
    assert problems(tables, messages, only_work) == (
        "index history of table TABLE: expected one, found mail, work",
    )


def test_index_with_another_key_is_reported(tables: Tables, messages: TableSchema) -> None:
    history, *others = messages.indexes
    other = replace(messages, indexes=(replace(history, sort_key="recorded_at"), *others))
    assert problems(tables, messages, other) == (
        "index history of table TABLE: expected the key conversation (S), timestamp (S), "
        "found conversation (S), recorded_at (S)",
    )


def test_index_without_all_attributes_is_reported(tables: Tables, messages: TableSchema) -> None:
    history, *others = messages.indexes
    less = replace(messages, indexes=(replace(history, included=("content",)), *others))
    (problem,) = problems(tables, messages, less)
    assert problem.startswith("index history of table TABLE: expected it to hold channel_type, ")
    assert problem.endswith(", found content")
    none = replace(messages, indexes=(replace(history, included=()), *others))
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


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AccessDeniedException", str),
        (400, "UnrecognizedClientException", str),
        (400, "ThrottlingException", Unanswered),
        (500, "InternalServerError", Unanswered),
        (400, "UnknownOperationException", Unreported),
    ],
)
def test_refused_check_is_reported_of_each_table(
    tables: Tables, status: int, code: str, kind: type[str]
) -> None:
    with every_response(tables.client, status, code):
        found = check_tables(tables.client, tables.schemas)
    assert found == tuple(
        f"table {schema.name} could not be asked: {code}" for schema in tables.schemas
    )
    assert {type(line) for line in found} == {kind}


def test_one_throttled_answer_does_not_hide_what_is_wrong(unreachable_aws: EmulatedAws) -> None:
    gone = TableSchema("gone", "key")

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        code = "ResourceNotFoundException" if b"gone" in sent(request) else "ThrottlingException"
        return response(request, 400, {"__type": code})

    with answering(unreachable_aws.dynamodb, answer):
        throttled, missing = check_tables(
            unreachable_aws.dynamodb, [TableSchema("busy", "key"), gone]
        )
    assert isinstance(throttled, Unanswered)
    assert missing == "table gone: expected one, found none"
    assert not isinstance(missing, Unanswered)


KEY = [{"AttributeName": "work", "KeyType": "HASH"}]


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ({}, ["table t: its key and its indexes are not reported"]),
        ({"Table": {}}, ["table t: its key and its indexes are not reported"]),
        ({"Table": {"KeySchema": KEY}}, ["index i of table t: expected one, found none"]),
        (
            {"Table": {"KeySchema": KEY, "GlobalSecondaryIndexes": [{"IndexName": "i"}]}},
            ["index i of table t: its key, or what it holds, is not reported"],
        ),
    ],
)
def test_what_an_engine_leaves_out_is_unreported(
    unreachable_aws: EmulatedAws, description: object, found: list[str]
) -> None:
    schema = TableSchema("t", "work", indexes=(IndexSchema("i", "work", "since"),), expires_by="at")

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        is_table = "DescribeTable" in str(request.headers["X-Amz-Target"])
        return response(request, 200, description if is_table else {})

    with answering(unreachable_aws.dynamodb, answer):
        lines = check_tables(unreachable_aws.dynamodb, [schema])
    if "KeySchema" in str(description):
        found = [*found, "table t: its time to live is not reported"]
    assert list(lines) == found
    assert [isinstance(line, Unreported) for line in lines] == [
        "not reported" in line for line in lines
    ]
