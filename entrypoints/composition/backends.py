"""The backend that the settings choose for each role. Part of the container.

Each technology is imported when it is chosen.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from application.clock import Clock
from application.ports.metrics import Metrics
from application.ports.spool import SpoolDelivery
from application.ports.unit_of_work import UnitOfWork
from infrastructure.backend import (
    Backend,
    FileBackend,
    QueueBackend,
    SpoolBackend,
    StorageBackend,
)
from infrastructure.configuration.secrets.secret_references import ReadNamedSecret, SecretReader
from infrastructure.configuration.settings import Settings, SettingsError
from infrastructure.separate_steps import SeparateSteps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from application.ports.refusals import Refusals
    from infrastructure.aws.clients import AwsClients
    from infrastructure.aws.cloudwatch_metrics import EmfMetrics
    from infrastructure.filesystem.backend import DataDirectory
    from infrastructure.memory.backend import MemoryBackend
    from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics
    from infrastructure.sqlite.backend import SqliteBackend
    from infrastructure.sqlite.database import SqliteDatabase

OpenSqlite = Callable[[], "SqliteBackend"]
OpenDatabase = Callable[[], "SqliteDatabase"]
OpenDynamoDb = Callable[[], "DynamoDBClient"]
OpenSqs = Callable[[], "SQSClient"]
OpenS3 = Callable[[], "S3Client"]
OpenMemory = Callable[[], "MemoryBackend"]

DATABASE_FILE = "frontdesk.db"
_DATA = (DATABASE_FILE, "spool", "dead-letters")


def has_data(settings: Settings) -> bool:
    """Whether the data directory has any; always where store and queue are not embedded."""
    if "sqlite" not in (settings.storage, settings.queue):
        return True
    return any((settings.data_dir / name).exists() for name in _DATA)


class SharedMetrics(NamedTuple):
    """What workers count in together: an open file, and this worker's number from 0 on.

    ``started_at`` is when the server was started: there all counts began.
    """

    descriptor: int
    number: int
    started_at: datetime


def open_sqlite(settings: Settings) -> Iterator["SqliteDatabase"]:
    """The database in the data directory, closed when the container is."""
    from infrastructure.sqlite.database import SqliteDatabase

    database = SqliteDatabase(settings.data_dir / DATABASE_FILE)
    yield database
    database.close()


def open_memory(clock: Clock) -> "MemoryBackend":
    """One for all roles."""
    from infrastructure.memory.backend import MemoryBackend

    return MemoryBackend(clock)


def open_data_directory(settings: Settings) -> "DataDirectory":
    """The directory of the embedded backends, whether they are chosen or not."""
    from infrastructure.filesystem.backend import DataDirectory

    return DataDirectory(settings.data_dir)


def choose_patience(settings: Settings) -> Callable[..., AbstractContextManager[object]]:
    """For jobs and consumers: within it, a write waits while an erasure rewrites the database.

    It takes what tells that the process ends, if anything does.
    """
    if "sqlite" not in (settings.storage, settings.queue):
        return nullcontext
    from infrastructure.sqlite.rewrite_lock import waiting_for_rewrites

    return waiting_for_rewrites


def open_aws(settings: Settings) -> "AwsClients":
    """Clients of AWS for as many threads as work on requests."""
    _require_aws_sdk()
    from infrastructure.aws.clients import AwsClients

    return AwsClients(max_connections=settings.max_in_flight)


def _require_aws_sdk() -> None:
    try:
        import infrastructure.aws.clients  # noqa: F401 - it imports the SDK
    except ModuleNotFoundError as error:
        raise SettingsError(
            ["STORAGE, QUEUE: the AWS SDK is missing: pip install 'frontdesk[aws]'"]
        ) from error


def secret_reader() -> SecretReader:
    """Reads files and AWS Secrets Manager, whose SDK is loaded with the first that needs it."""
    return SecretReader(_open_secrets_manager)


def _open_secrets_manager() -> ReadNamedSecret:
    try:
        from infrastructure.aws.clients import AwsClients
        from infrastructure.aws.secrets_manager import read_secret_value
    except ModuleNotFoundError as error:
        raise ValueError("needs the AWS SDK: pip install 'frontdesk[aws]'") from error
    return partial(read_secret_value, AwsClients().secrets_manager())


def open_cloudwatch_metrics(settings: Settings) -> "EmfMetrics":
    """Metrics for functions, whose output CloudWatch reads."""
    import sys

    from infrastructure.aws.cloudwatch_metrics import EmfMetrics

    return EmfMetrics(f"Frontdesk/{settings.stage}", lambda: sys.stdout)


def create_shared_metrics(workers: int) -> int:
    """An open file in which this number of workers count together: see ``SharedMetrics``."""
    from infrastructure.prometheus.shared_numbers import create_shared_memory

    return create_shared_memory(workers)


def open_prometheus_metrics(shared: SharedMetrics | None = None) -> "PrometheusMetrics":
    """Metrics for the server, which Prometheus scrapes; of one process, or shared by workers."""
    from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics
    from infrastructure.prometheus.shared_numbers import SharedNumbers

    if shared is None:
        return PrometheusMetrics(SharedNumbers.of_one_process())
    return PrometheusMetrics(SharedNumbers.inherited(shared.descriptor, shared.number))


def open_sqlite_backend(
    settings: Settings, database: OpenDatabase, clock: Clock, metrics: Metrics
) -> "SqliteBackend":
    """One for all roles, over one file."""
    from infrastructure.sqlite.backend import SqliteBackend

    return SqliteBackend(settings.data_dir / DATABASE_FILE, database, clock, metrics)


def choose_unit_of_work(
    settings: Settings, *, sqlite: OpenSqlite, separate_steps: Callable[[], SeparateSteps]
) -> UnitOfWork:
    """One transaction where one engine holds store and queue; else one step after the other."""
    match settings.storage, settings.queue:
        case "sqlite", "sqlite":
            return sqlite().unit_of_work
        case _:
            return separate_steps()


def choose_files(settings: Settings, s3: OpenS3, memory: OpenMemory) -> FileBackend:
    """The bucket if there is one, whatever the storage: else the data directory, or memory."""
    if settings.storage == "memory":
        return memory()
    if settings.blobs_bucket is not None:
        _require_aws_sdk()
        from infrastructure.aws.backend import S3Files

        return S3Files(s3, settings.blobs_bucket)
    from infrastructure.filesystem.backend import DirectoryFiles

    return DirectoryFiles(settings.data_dir)


def choose_storage(
    settings: Settings,
    files: FileBackend,
    *,
    sqlite: OpenSqlite,
    dynamodb: OpenDynamoDb,
    memory: OpenMemory,
) -> StorageBackend:
    """The one that ``STORAGE`` names."""
    match settings.storage:
        case "sqlite":
            return sqlite()
        case "dynamodb":
            _require_aws_sdk()
            from infrastructure.aws.backend import DynamoDbStorage

            return DynamoDbStorage(dynamodb, settings.tables, files.blobs)
        case "memory":
            return memory()
        case _:
            assert_never(settings.storage)


def choose_queue(
    settings: Settings,
    *,
    sqlite: OpenSqlite,
    sqs: OpenSqs,
    memory: OpenMemory,
) -> QueueBackend:
    """The one that ``QUEUE`` names."""
    match settings.queue:
        case "sqlite":
            return sqlite()
        case "sqs":
            _require_aws_sdk()
            from infrastructure.aws.backend import SqsQueues

            return SqsQueues(sqs, settings.queue_urls)
        case "memory":
            return memory()
        case _:
            assert_never(settings.queue)


def choose_spool(
    settings: Settings,
    files: FileBackend,
    *,
    sqs: OpenSqs,
    memory: OpenMemory,
    clock: Clock,
    metrics: Metrics,
) -> SpoolBackend:
    """The spool queue if there is one, whatever the storage: else the data directory, or memory.

    Never the disk of a container: with DynamoDB the settings demand the queue.
    """
    if settings.storage == "memory":
        return memory()
    if settings.spool_queue_url is not None:
        _require_aws_sdk()
        from infrastructure.aws.backend import SqsSpoolBackend

        return SqsSpoolBackend(sqs, settings.spool_queue_url, files.blobs)
    from infrastructure.filesystem.backend import DirectorySpool

    return DirectorySpool(settings.data_dir, clock, metrics)


def logged_refusals() -> "Refusals":
    """For functions on Lambda."""
    from infrastructure.aws.logged_refusals import LoggedRefusals

    return LoggedRefusals()


def in_use(
    settings: Settings, data_directory: "DataDirectory", *chosen: Backend
) -> tuple[Backend, ...]:
    """Each once, in the order in which they are checked."""
    is_embedded = settings.blobs_bucket is None or "sqlite" in (settings.storage, settings.queue)
    return tuple(dict.fromkeys((data_directory, *chosen) if is_embedded else chosen))


def spool_record_reader(files: FileBackend) -> Callable[[Mapping[str, Any]], SpoolDelivery]:
    """What reads an entry of the spool in an event of SQS."""
    from infrastructure.aws.sqs_spool import delivery_from_sqs

    return lambda record: delivery_from_sqs(record, files.blobs)
