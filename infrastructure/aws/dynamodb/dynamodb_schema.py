"""The DynamoDB tables as data, and whether those that there are agree with it.

All keys are texts. ``docs/tables.md`` describes the attributes for those who read them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from application.ports.checks import Unreported
from infrastructure.aws.check_answers import at_once, no_answer
from infrastructure.aws.clients import error_code
from infrastructure.aws.dynamodb.dynamodb_conversations import SENDER_INDEX
from infrastructure.aws.dynamodb.dynamodb_message_keys import HISTORY_INDEX, MAIL_INDEX, WORK_INDEX

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        GlobalSecondaryIndexDescriptionTypeDef,
        KeySchemaElementTypeDef,
    )


@dataclass(frozen=True, slots=True)
class IndexSchema:
    """A global secondary index. ``included`` are the attributes that it holds beside all keys."""

    name: str
    partition_key: str
    sort_key: str
    included: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table. ``expires_by`` names the attribute of its time to live, in seconds since 1970."""

    name: str
    partition_key: str
    sort_key: str | None = None
    indexes: tuple[IndexSchema, ...] = ()
    expires_by: str | None = None


def table_schemas(
    *, conversations: str, participants: str, messages: str, fallback_throttle: str
) -> tuple[TableSchema, ...]:
    """What Frontdesk needs, under the names that its tables have."""
    return (
        TableSchema(
            conversations,
            "conversation_id",
            "primary_channel",
            # Keys only, none of which ever changes: an incoming message writes no index.
            indexes=(IndexSchema(SENDER_INDEX, "sender_id", "primary_channel"),),
        ),
        TableSchema(participants, "sender", "conversation_id"),
        TableSchema(
            messages,
            "request_id",
            indexes=(
                # What the history shows, and not how far a message has come: so marking one
                # as queued does not write this index.
                IndexSchema(
                    HISTORY_INDEX,
                    "conversation",
                    "timestamp",
                    (
                        "message_id",
                        "direction",
                        "content",
                        "content_reference",
                        "channel_type",
                        "metadata",
                        "metadata_reference",
                    ),
                ),
                # Only what is pending or unmatched has these attributes.
                IndexSchema(WORK_INDEX, "work", "work_since"),
                # Only mail has this attribute, and nothing in it ever changes.
                IndexSchema(MAIL_INDEX, "message_id_hash", "timestamp"),
            ),
        ),
        TableSchema(fallback_throttle, "throttle_key", expires_by="expires_at"),
    )


def check_tables(
    client: "DynamoDBClient", schemas: Sequence[TableSchema], *, with_expiry: bool = True
) -> tuple[str, ...]:
    """What is not as it should be, a sentence each: what was expected and what was found.

    Without ``with_expiry``, only what webhooks depend on: items that never expire cost money.
    A table that does not tell is ``Unanswered``.
    """
    of_each = at_once(lambda schema: [*_problems(client, schema, with_expiry=with_expiry)], schemas)
    return tuple(problem for problems in of_each for problem in problems)


def _problems(client: "DynamoDBClient", schema: TableSchema, *, with_expiry: bool) -> Iterator[str]:
    try:
        table = client.describe_table(TableName=schema.name).get("Table", {})
    except (ClientError, BotoCoreError) as error:
        code = error_code(error)
        if code == "ResourceNotFoundException":
            yield f"table {schema.name}: expected one, found none"
        else:
            yield no_answer(f"table {schema.name} could not be asked: {code}", error)
        return
    if "KeySchema" not in table:
        yield Unreported(f"table {schema.name}: its key and its indexes are not reported")
        return
    types = {a["AttributeName"]: a["AttributeType"] for a in table.get("AttributeDefinitions", [])}
    for problem in _key_problems(f"table {schema.name}", schema, table["KeySchema"], types):
        yield f"{problem}: a table of an unreleased version, or of another program; make a new one"
    found = {index.get("IndexName", ""): index for index in table.get("GlobalSecondaryIndexes", [])}
    for index in schema.indexes:
        name = f"index {index.name} of table {schema.name}"
        if index.name not in found:
            yield f"{name}: expected one, found {_listed(found) or 'none'}"
        else:
            yield from _index_problems(name, index, found[index.name], types)
    if with_expiry:
        yield from _expiry_problems(client, schema)


def _index_problems(
    name: str,
    expected: IndexSchema,
    found: "GlobalSecondaryIndexDescriptionTypeDef",
    types: Mapping[str, str],
) -> Iterator[str]:
    projection = found.get("Projection", {})
    if "KeySchema" not in found or "ProjectionType" not in projection:
        yield Unreported(f"{name}: its key, or what it holds, is not reported")
        return
    yield from _key_problems(name, expected, found["KeySchema"], types)
    missing = set(expected.included) - set(projection.get("NonKeyAttributes", []))
    if missing and projection.get("ProjectionType") != "ALL":
        found_names = _listed(projection.get("NonKeyAttributes", [])) or "keys only"
        yield f"{name}: expected it to hold {_listed(expected.included)}, found {found_names}"


def _key_problems(
    name: str,
    expected: TableSchema | IndexSchema,
    found: "Sequence[KeySchemaElementTypeDef]",
    types: Mapping[str, str],
) -> Iterator[str]:
    wanted = ", ".join(f"{key} (S)" for key in (expected.partition_key, expected.sort_key) if key)
    # The partition key stands first, whatever the order of the description.
    in_order = sorted(found, key=lambda element: element.get("KeyType", ""))
    names = [element["AttributeName"] for element in in_order]
    # An engine that reports no types at all is not said to have other ones.
    unknown = "?" if types else "S"
    present = ", ".join(f"{key} ({types.get(key, unknown)})" for key in names)
    if present != wanted:
        yield f"{name}: expected the key {wanted}, found {present}"


def _expiry_problems(client: "DynamoDBClient", schema: TableSchema) -> Iterator[str]:
    if schema.expires_by is None:
        return
    try:
        response = client.describe_time_to_live(TableName=schema.name)
    except (ClientError, BotoCoreError) as error:
        line = f"table {schema.name}: its time to live could not be asked: {error_code(error)}"
        yield no_answer(line, error)
        return
    found = response.get("TimeToLiveDescription", {})
    if "TimeToLiveStatus" not in found:
        yield Unreported(f"table {schema.name}: its time to live is not reported")
        return
    enabled = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    attribute = found.get("AttributeName") if enabled else None
    if attribute != schema.expires_by:
        expected = f"expected items to expire by {schema.expires_by}"
        yield f"table {schema.name}: {expected}, found {attribute or 'no time to live'}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
