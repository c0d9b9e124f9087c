"""Tables on an emulator for one test, and the stores over them.

A table is made at the first call that names it: a test uses one or two of its four, and to make
them took longer than most tests. ``Tables.make`` makes all, for who calls from another process.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from application.ports.blobs import BlobStore
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.stores import Stores
from domain.conversations import Message
from infrastructure.aws.backend import DynamoDbStorage
from infrastructure.aws.dynamodb.dynamodb_schema import IndexSchema, TableSchema, table_schemas
from infrastructure.aws.dynamodb.dynamodb_values import Item, attribute, attributes
from infrastructure.configuration.settings import TableNames
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.emulators import EmulatedAws, unique_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROLES = ("conversations", "participants", "messages", "fallback_throttle")


class OneAtATime:
    """A client that makes one call at a time, because moto loses concurrent updates."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._client, name)
        if not callable(called):
            return called

        def call(**arguments: Any) -> Any:
            with self._lock:
                return called(**arguments)

        return call


class _Unmade:
    """Tables that are made when a call names them, by a client of its own.

    So no fault or record of a test meets what makes them.
    """

    def __init__(self) -> None:
        self._schemas: dict[str, tuple[DynamoDBClient, TableSchema]] = {}
        self._lock = Lock()

    def add(self, aws: EmulatedAws, schemas: Iterable[TableSchema]) -> None:
        """Make ``schemas`` when a call of ``aws.dynamodb`` names them."""
        self._schemas |= {schema.name: (aws.dynamodb_apart, schema) for schema in schemas}
        aws.dynamodb.meta.events.register(
            "before-parameter-build.dynamodb", self._make_named, unique_id="unmade tables"
        )

    def make(self, names: Iterable[str]) -> None:
        """Make those of these tables that have not been made."""
        with self._lock:
            for name in names:
                if unmade := self._schemas.pop(name, None):
                    create_table(*unmade)

    def _make_named(self, params: Mapping[str, Any], **_: object) -> None:
        self.make({params.get("TableName", ""), *params.get("RequestItems", ())})


_UNMADE = _Unmade()


def do_not_sleep(seconds: float) -> None:
    """Emulators' indexes do not lag behind."""


@dataclass(frozen=True)
class Tables:
    """The names of one test's tables by role, and the client that reaches them."""

    client: "DynamoDBClient"
    names: Mapping[str, str]

    @classmethod
    def create(cls, aws: EmulatedAws) -> "Tables":
        """New and empty tables, exactly as the adapters describe them."""
        is_moto = "AWS_ENDPOINT_URL" not in aws.environ
        client = aws.dynamodb
        if is_moto:
            client = cast("DynamoDBClient", OneAtATime(client))
        tables = cls(client, {role: unique_name(role) for role in ROLES})
        _UNMADE.add(aws, tables.schemas)
        return tables

    def make(self) -> None:
        """Make all tables now."""
        _UNMADE.make(self.names.values())

    @property
    def schemas(self) -> tuple[TableSchema, ...]:
        return table_schemas(**self.names)

    def stores(
        self,
        blobs: BlobStore | None = None,
        *,
        client: Any = None,
        sleep: Callable[[float], None] = do_not_sleep,
    ) -> Stores:
        names = TableNames(**self.names)
        return DynamoDbStorage(
            lambda: client or self.client, names, blobs or MemoryBlobStore(), sleep
        ).stores

    def keep_expired(self) -> None:
        """Have the emulator delete nothing: the tests' clock stands in the past."""
        for schema in self.schemas:
            if schema.expires_by:
                expiry: Any = {"Enabled": False, "AttributeName": schema.expires_by}
                self.client.update_time_to_live(
                    TableName=schema.name, TimeToLiveSpecification=expiry
                )

    def throttle(self, *, client: Any = None) -> FallbackThrottle:
        return self.stores(client=client).throttle

    def items(self, role: str) -> list[Item]:
        """Everything in a table."""
        response = self.client.scan(TableName=self.names[role], ConsistentRead=True)
        assert "LastEvaluatedKey" not in response
        return list(response["Items"])

    def put(self, role: str, item: Item) -> None:
        """Write an item as another system would."""
        self.client.put_item(TableName=self.names[role], Item=item)

    def put_foreign(self, **changes: object) -> None:
        """Write a record as another system would; an attribute that is ``None`` is left out."""
        record: dict[str, object] = {
            "conversation_id": "conversation-1",
            "primary_channel": "sms",
            "sender_id": "+14155550123",
            "recipient_id": "+15005550006",
            **changes,
        }
        self.put("conversations", attributes(record))

    def set_attribute(
        self, name: str, value: object, conversation_id: str = "conversation-1"
    ) -> None:
        """Change a record as another system would."""
        self.client.update_item(
            TableName=self.names["conversations"],
            Key=attributes({"conversation_id": conversation_id, "primary_channel": "sms"}),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": attribute(value)},
        )


def entry_of(message: Message) -> Any:
    """An entry of the list that an older system stores inside a record."""
    entry = {**asdict(message), "timestamp": message.timestamp.isoformat()}
    return {"M": attributes(entry)}


def create_table(client: "DynamoDBClient", schema: TableSchema) -> None:
    """A table as its schema describes it."""
    keys = [schema.partition_key, schema.sort_key]
    keys += [k for index in schema.indexes for k in (index.partition_key, index.sort_key)]
    request: dict[str, Any] = {
        "TableName": schema.name,
        "KeySchema": _key_schema(schema.partition_key, schema.sort_key),
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "S"} for key in dict.fromkeys(keys) if key
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if schema.indexes:
        request["GlobalSecondaryIndexes"] = [_index(index) for index in schema.indexes]
    client.create_table(**request)
    if schema.expires_by:
        expiry: Any = {"Enabled": True, "AttributeName": schema.expires_by}
        client.update_time_to_live(TableName=schema.name, TimeToLiveSpecification=expiry)


def _index(index: IndexSchema) -> dict[str, Any]:
    included: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if index.included:
        included = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.included)}
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.partition_key, index.sort_key),
        "Projection": included,
    }


def _key_schema(partition_key: str, sort_key: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": partition_key, "KeyType": "HASH"}]
    return [*schema, {"AttributeName": sort_key, "KeyType": "RANGE"}] if sort_key else schema
