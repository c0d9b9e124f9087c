"""AWS clients, and the errors of AWS as errors of the domain.

A session of boto3 makes the clients. Its resource API is not used.
"""

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
        with _environment_errors("AWS"):
            self._session = Session()
        self._config = _CONFIG.merge(Config(max_pool_connections=max_connections))

    def dynamodb(self) -> "DynamoDBClient":
        """A client of DynamoDB."""
        with _environment_errors("dynamodb"):
            return self._session.client("dynamodb", config=self._config)

    def sqs(self) -> "SQSClient":
        """A client of SQS."""
        with _environment_errors("sqs"):
            return self._session.client("sqs", config=self._config)

    def s3(self) -> "S3Client":
        """A client of S3."""
        with _environment_errors("s3"):
            return self._session.client("s3", config=self._config)

    def secrets_manager(self) -> "SecretsManagerClient":
        """A client of Secrets Manager."""
        with _environment_errors("secretsmanager"):
            return self._session.client("secretsmanager", config=self._config)


@contextmanager
def _environment_errors(what: str) -> Iterator[None]:
    """Translate the errors of a client that cannot be built: no region, a broken profile."""
    try:
        yield
    except BotoCoreError as error:
        raise StorageUnavailableError(f"{what}: {type(error).__name__}") from error


def error_code(error: ClientError) -> str:
    """What AWS calls the error, like ``ThrottlingException``."""
    return error.response.get("Error", {}).get("Code", "Unknown")


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Translate the errors of a store; ``what`` names the table or bucket.

    They become ``StorageRefusedError`` where no repetition can help, else
    ``StorageUnavailableError``.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        kind = StorageRefusedError if code in _REFUSED_FOR_EVER else StorageUnavailableError
        raise kind(f"{what}: {code}") from error
    except ParamValidationError as error:
        raise StorageRefusedError(f"{what}: {type(error).__name__}") from error
    except BotoCoreError as error:
        raise StorageUnavailableError(f"{what}: {type(error).__name__}") from error
