"""AWS clients, and the errors of AWS as errors of the domain."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from domain.errors import StorageRefusedError, StorageUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# A webhook has 8 s for everything: a call that hangs must leave time for another one.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
)

_REFUSED_FOR_EVER = frozenset({"ValidationException", "SerializationException", "InvalidRequest"})


class AwsClients:
    """Clients of one AWS session, which reads region, credentials and endpoints as usual.

    Each is built when it is asked for: the caller keeps it. Clients are safe to share among
    threads; ``max_connections`` is how many of them may call at once.
    """

    def __init__(self, max_connections: int = 10) -> None:
        with storage_errors("AWS"):
            self._session = Session()
        self._config = _CONFIG.merge(Config(max_pool_connections=max_connections))

    def dynamodb(self) -> "DynamoDBClient":
        """A client of DynamoDB."""
        with storage_errors("dynamodb"):
            return self._session.client("dynamodb", config=self._config)

    def sqs(self) -> "SQSClient":
        """A client of SQS."""
        with storage_errors("sqs"):
            return self._session.client("sqs", config=self._config)

    def s3(self) -> "S3Client":
        """A client of S3."""
        with storage_errors("s3"):
            return self._session.client("s3", config=self._config)

    def secrets_manager(self) -> "SecretsManagerClient":
        """A client of Secrets Manager."""
        with storage_errors("secretsmanager"):
            return self._session.client("secretsmanager", config=self._config)


def error_code(error: ClientError | BotoCoreError) -> str:
    """What AWS calls the error, like ``ThrottlingException``, or else its class."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "Unknown")
    return type(error).__name__


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Translate the errors of ``what``, a table, bucket or queue, or a client of them.

    They become ``StorageRefusedError`` where no repetition can help, else
    ``StorageUnavailableError``.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        code = error_code(error)
        refused = code in _REFUSED_FOR_EVER or isinstance(error, ParamValidationError)
        kind = StorageRefusedError if refused else StorageUnavailableError
        raise kind(f"{what}: {code}") from error
