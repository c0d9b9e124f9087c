"""The backends that the settings choose: where everything is kept, and where contexts wait.

Part of the container. Each adapter is imported when it is chosen.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from application.clock import Clock
from application.ports.blobs import BlobStore
from application.ports.context_queue import ContextPublisher, ContextReader
from application.ports.dead_letters import DeadLetters
from application.ports.metrics import Metrics
from application.ports.spool import Spool, SpoolDelivery
from application.ports.stores import Stores
from infrastructure.configuration.settings import Settings, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from infrastructure.aws.clients import AwsClients
    from infrastructure.filesystem.fallback_log import FileFallbackSender
    from infrastructure.sqlite.database import SqliteDatabase

OpenDatabase = Callable[[], "SqliteDatabase"]
OpenDynamoDb = Callable[[], "DynamoDBClient"]
OpenSqs = Callable[[], "SQSClient"]
OpenS3 = Callable[[], "S3Client"]


def open_sqlite(settings: Settings) -> Iterator["SqliteDatabase"]:
    """The database in the data directory, closed when the container is."""
    from infrastructure.sqlite.database import SqliteDatabase

    database = SqliteDatabase(settings.data_dir / "frontdesk.db")
    yield database
    database.close()


def choose_patience(settings: Settings) -> Callable[[], AbstractContextManager[None]]:
    """For jobs and consumers: within it, a write waits while an erasure rewrites the database."""
    if "sqlite" not in (settings.storage, settings.queue):
        return nullcontext
    from infrastructure.sqlite.rewrite_lock import waiting_for_rewrites

    return waiting_for_rewrites


def open_aws(settings: Settings) -> "AwsClients":
    """Clients of AWS for as many threads as work on requests."""
    try:
        from infrastructure.aws.clients import AwsClients
    except ModuleNotFoundError as error:
        raise SettingsError(
            ["STORAGE, QUEUE: the AWS SDK is missing: pip install 'frontdesk[aws]'"]
        ) from error
    return AwsClients(max_connections=settings.max_in_flight)


def open_dynamodb(aws: "AwsClients") -> "DynamoDBClient":
    """For conversations, messages and claims."""
    return aws.dynamodb()


def open_sqs(aws: "AwsClients") -> "SQSClient":
    """For the context queues."""
    return aws.sqs()


def open_s3(aws: "AwsClients") -> "S3Client":
    """For blobs and dead letters."""
    return aws.s3()


class ContextQueue(ContextPublisher, ContextReader, Protocol):
    """What one queue backend provides."""


@dataclass(frozen=True, slots=True)
class Files:
    """What holds what is too large or too odd for a store."""

    blobs: BlobStore
    dead_letters: DeadLetters


def choose_files(settings: Settings, s3: OpenS3) -> Files:
    """The bucket if there is one, whatever the storage: else the data directory, or memory."""
    if settings.storage == "memory":
        from infrastructure.memory.memory_blobs import MemoryBlobStore, MemoryDeadLetters

        return Files(MemoryBlobStore(), MemoryDeadLetters())
    if settings.blobs_bucket is not None:
        from infrastructure.aws.s3 import S3BlobStore, S3DeadLetters

        bucket = settings.blobs_bucket
        return Files(S3BlobStore(s3, bucket), S3DeadLetters(s3, bucket))
    from infrastructure.filesystem.blob_files import FileBlobStore
    from infrastructure.filesystem.dead_letter_files import FileDeadLetters

    return Files(
        FileBlobStore(settings.data_dir / "blobs"),
        FileDeadLetters(settings.data_dir / "dead-letters"),
    )


def choose_stores(
    settings: Settings, sqlite: OpenDatabase, dynamodb: OpenDynamoDb, files: Files
) -> Stores:
    """The stores of the backend that ``STORAGE`` names."""
    match settings.storage:
        case "sqlite":
            from infrastructure.sqlite.backend import sqlite_stores

            return sqlite_stores(sqlite())
        case "dynamodb":
            from infrastructure.aws.dynamodb.stores import dynamodb_stores

            return dynamodb_stores(dynamodb(), settings.tables, files.blobs)
        case "memory":
            from infrastructure.memory.backend import memory_stores

            return memory_stores()
        case _:
            assert_never(settings.storage)


def fallback_log(settings: Settings) -> "FileFallbackSender":
    """Where fallbacks go on a developer's machine."""
    from infrastructure.filesystem.fallback_log import FileFallbackSender

    return FileFallbackSender(settings.data_dir / "fallbacks.jsonl")


def choose_spool(
    settings: Settings, sqs: OpenSqs, files: Files, clock: Clock, metrics: Metrics
) -> Spool:
    """The spool queue if there is one, whatever the storage: else the data directory, or memory.

    Never the disk of a container: with DynamoDB the settings demand the queue.
    """
    if settings.storage == "memory":
        from infrastructure.memory.memory_spool import MemorySpool

        return MemorySpool(clock)
    if settings.spool_queue_url is not None:
        from infrastructure.aws.sqs_spool import SqsSpool

        return SqsSpool(sqs(), settings.spool_queue_url, files.blobs)
    from infrastructure.filesystem.spool_files import FileSpool

    return FileSpool(settings.data_dir / "spool", clock, metrics)


def spool_record_reader(files: Files) -> Callable[[Mapping[str, Any]], SpoolDelivery]:
    """What reads an entry of the spool in an event of SQS."""
    from infrastructure.aws.sqs_spool import delivery_from_sqs

    return lambda record: delivery_from_sqs(record, files.blobs)


def choose_context_queue(
    settings: Settings, sqlite: OpenDatabase, sqs: OpenSqs, files: Files, clock: Clock
) -> ContextQueue:
    """The queues of the backend that ``QUEUE`` names."""
    from infrastructure.serialization.claim_check import ClaimCheck

    encode = ClaimCheck(files.blobs)
    match settings.queue:
        case "sqlite":
            from infrastructure.sqlite.sqlite_queue import SqliteContextQueue

            return SqliteContextQueue(sqlite(), clock, encode)
        case "sqs":
            from infrastructure.aws.sqs_queue import SqsContextQueue

            return SqsContextQueue(sqs(), settings.queue_urls, encode=encode)
        case "memory":
            from infrastructure.memory.memory_queue import MemoryContextQueue

            return MemoryContextQueue(clock, encode)
        case _:
            assert_never(settings.queue)
