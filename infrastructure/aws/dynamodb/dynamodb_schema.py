"""The DynamoDB tables as data, and whether those that there are agree with it.

All keys are texts. ``docs/tables.md`` describes the attributes for those who read them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.aws.dynamodb.dynamodb_conversations import SENDER_INDEX
from infrastructure.aws.dynamodb.dynamodb_message_items import HISTORY_INDEX, WORK_INDEX

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef


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
            ),
        ),
        TableSchema(fallback_throttle, "throttle_key", expires_by="expires_at"),
    )


def check_tables(
    client: "DynamoDBClient", schemas: Sequence[TableSchema], *, with_expiry: bool = True
) -> tuple[str, ...]:
    """What is not as it should be, a sentence each: what was expected and what was found.

    Without ``with_expiry``, only what webhooks depend on: items that never expire cost money.
    Raises ``StorageUnavailableError`` when DynamoDB does not tell.
    """
    problems: list[str] = []
    for schema in schemas:
        with storage_errors(schema.name):
            problems += _table_problems(client, schema, with_expiry=with_expiry)
    return tuple(problems)


def _table_problems(
    client: "DynamoDBClient", schema: TableSchema, *, with_expiry: bool
) -> Iterator[str]:
    name = f"table {schema.name}"
    try:
        table = client.describe_table(TableName=schema.name)["Table"]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        yield f"{name}: expected one, found none"
        return
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    for problem in _key_problems(name, schema, table["KeySchema"], types):
        yield f"{problem}: a table of an unreleased version, or of another program; make a new one"
    found = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", ())}
    for expected in schema.indexes:
        name = f"index {expected.name} of table {schema.name}"
        if expected.name not in found:
            yield f"{name}: expected one, found {_listed(found) or 'none'}"
            continue
        index = found[expected.name]
        yield from _key_problems(name, expected, index["KeySchema"], types)
        included = index["Projection"].get("NonKeyAttributes", [])
        holds_all = index["Projection"]["ProjectionType"] == "ALL"
        if not holds_all and not set(expected.included) <= set(included):
            holds = _listed(included) or "keys only"
            yield f"{name}: expected it to hold {_listed(expected.included)}, found {holds}"
    if with_expiry and schema.expires_by:
        expiry = client.describe_time_to_live(TableName=schema.name)["TimeToLiveDescription"]
        enabled = expiry["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
        attribute = expiry.get("AttributeName") if enabled else "no time to live"
        if attribute != schema.expires_by:
            wanted = f"expected items to expire by {schema.expires_by}"
            yield f"table {schema.name}: {wanted}, found {attribute}"


def _key_problems(
    name: str,
    expected: TableSchema | IndexSchema,
    found: "Sequence[KeySchemaElementTypeDef]",
    types: Mapping[str, str],
) -> Iterator[str]:
    wanted = ", ".join(f"{key} (S)" for key in (expected.partition_key, expected.sort_key) if key)
    # The partition key stands first, whatever the order of the description.
    names = [each["AttributeName"] for each in sorted(found, key=lambda each: each["KeyType"])]
    present = ", ".join(f"{key} ({types.get(key, '?')})" for key in names)
    if present != wanted:
        yield f"{name}: expected the key {wanted}, found {present}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
