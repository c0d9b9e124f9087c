"""AWS: the stores on DynamoDB, queues and spool on SQS, files in a bucket of S3.

What every process on AWS needs is imported at once, all else with its first use.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.checks import CheckResult, check_results
from application.ports.stores import Stores
from domain.queues import QueueName
from infrastructure.aws.dynamodb.dynamodb_conversation_items import DynamoDbParticipants
from infrastructure.aws.dynamodb.dynamodb_conversations import DynamoDbConversationStore
from infrastructure.aws.dynamodb.dynamodb_fallback_throttle import DynamoDbFallbackThrottle
from infrastructure.aws.dynamodb.dynamodb_message_items import DynamoDbMessageItems
from infrastructure.aws.dynamodb.dynamodb_messages import DynamoDbMessageStore
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.s3 import S3BlobStore, S3DeadLetters, check_bucket
from infrastructure.aws.sqs_queue import SqsContextQueue
from infrastructure.aws.sqs_spool import SqsSpool
from infrastructure.backend import (
    FileBackend,
    QueueBackend,
    ServiceClock,
    SpoolBackend,
    StorageBackend,
)
from infrastructure.configuration.settings import TableNames

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from application.ports.backlog import Backlog
    from application.ports.history_import import HistoryImport
    from application.ports.message_lookup import MessageLookup
    from application.ports.retention import Retention


@dataclass(frozen=True, eq=False)
class DynamoDbStorage(StorageBackend):
    """Every store over the tables ``names``; texts too large for an item are ``blobs``.

    A purge reads whole tables, which costs: the operator decides when.
    """

    place = "DynamoDB"
    purges_beside_the_server = False

    client: "Callable[[], DynamoDBClient]"
    names: TableNames
    blobs: BlobStore
    sleep: Callable[[float], None] = time.sleep

    @cached_property
    def stores(self) -> Stores:
        """All of them over the four tables."""
        client = self.client()
        records = DynamoDbTable(client, self.names.conversations)
        messages = DynamoDbTable(client, self.names.messages)
        throttle = DynamoDbTable(client, self.names.fallback_throttle)
        participants = DynamoDbParticipants(DynamoDbTable(client, self.names.participants))
        items = DynamoDbMessageItems(self.blobs)
        message_store = DynamoDbMessageStore(messages, items)

        def build_retention() -> "Retention":
            from infrastructure.aws.dynamodb.dynamodb_retention import DynamoDbRetention

            return DynamoDbRetention(messages, items, records, participants)

        def build_history_import() -> "HistoryImport":
            from infrastructure.aws.dynamodb.dynamodb_history_import import DynamoDbHistoryImport

            return DynamoDbHistoryImport(messages, items, records)

        conversations = DynamoDbConversationStore(records, participants, self.sleep)

        def build_lookup() -> "MessageLookup":
            from infrastructure.aws.dynamodb.dynamodb_lookup import DynamoDbMessageLookup

            return DynamoDbMessageLookup(messages, items, conversations)

        def build_backlog() -> "Backlog":
            from infrastructure.aws.dynamodb.dynamodb_backlog import DynamoDbBacklog

            return DynamoDbBacklog(messages, message_store)

        return Stores(
            conversations=conversations,
            messages=message_store,
            outbox=message_store,
            throttle=DynamoDbFallbackThrottle(throttle),
            build_retention=build_retention,
            build_history_import=build_history_import,
            build_lookup=build_lookup,
            build_backlog=build_backlog,
        )

    @override
    def is_created(self) -> bool:
        return True

    @override
    def checks(self) -> Iterator[CheckResult]:
        return check_results("tables", "all four and their indexes", self._problems)

    @override
    def start_problems(self) -> Sequence[str]:
        return self._problems(with_expiry=False)

    def _problems(self, *, with_expiry: bool = True) -> Sequence[str]:
        from infrastructure.aws.dynamodb.dynamodb_schema import check_tables, table_schemas

        schemas = table_schemas(**self.names._asdict())
        return check_tables(self.client(), schemas, with_expiry=with_expiry)


@dataclass(frozen=True, eq=False)
class SqsQueues(QueueBackend, ServiceClock):
    """The context queues, each by its URL."""

    service = "SQS"

    client: "Callable[[], SQSClient]"
    urls: Mapping[QueueName, str]

    @cached_property
    def context_queue(self) -> SqsContextQueue:
        """All six."""
        return SqsContextQueue(self.client(), self.urls)

    @override
    def checks(self) -> Iterator[CheckResult]:
        from infrastructure.aws.sqs_queue_checks import check_queues

        return check_results("queues", "all six", lambda: check_queues(self.client(), self.urls))

    @override
    def start_problems(self) -> Sequence[str]:
        from infrastructure.aws.sqs_queue_checks import missing_queues

        return missing_queues(self.client(), self.urls)

    @override
    def service_time(self) -> "datetime | None":
        from infrastructure.aws.check_answers import time_of

        url = next(iter(self.urls.values()))
        return time_of(self.client().get_queue_attributes(QueueUrl=url))


@dataclass(frozen=True, eq=False)
class SqsSpoolBackend(SpoolBackend):
    """The spool in a FIFO queue; requests too large for it are ``blobs``."""

    client: "Callable[[], SQSClient]"
    url: str
    blobs: BlobStore

    @cached_property
    def spool(self) -> SqsSpool:
        """The queue ``url``."""
        return SqsSpool(self.client(), self.url, self.blobs)

    @override
    def has_spool(self) -> bool:
        return True

    @override
    def checks(self) -> Iterator[CheckResult]:
        from application.recovery.drain_spool import MAX_ATTEMPTS, VISIBILITY
        from infrastructure.aws.sqs_queue_checks import check_spool

        def find() -> Sequence[str]:
            return check_spool(self.client(), self.url, VISIBILITY, MAX_ATTEMPTS)

        return check_results("spool queue", self.url, find)

    @override
    def start_problems(self) -> Sequence[str]:
        from infrastructure.aws.sqs_queue_checks import unusable_spool

        return unusable_spool(self.client(), self.url)


@dataclass(frozen=True, eq=False)
class S3Files(FileBackend):
    """Blobs and dead letters in one bucket."""

    client: "Callable[[], S3Client]"
    bucket: str

    @cached_property
    def blobs(self) -> S3BlobStore:
        """Attachments and long texts."""
        return S3BlobStore(self.client, self.bucket)

    @cached_property
    def dead_letters(self) -> S3DeadLetters:
        """Under ``dead-letters/``."""
        return S3DeadLetters(self.client, self.bucket)

    @override
    def has_dead_letters(self) -> bool:
        return True

    @override
    def checks(self) -> Iterator[CheckResult]:
        return check_results("bucket", self.bucket, self.start_problems)

    @override
    def start_problems(self) -> Sequence[str]:
        return check_bucket(self.client(), self.bucket)
