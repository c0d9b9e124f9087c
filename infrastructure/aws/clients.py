"""AWS clients, and the errors of AWS as errors of the domain."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    ParamValidationError,
)

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
    # The SDK would put its own together, of the machine and of its features, for every call.
    user_agent=f"Boto3/{boto3.__version__} frontdesk",
)

# Every webhook makes several calls of these services: looking through the arguments takes a tenth
# of each. Their types are checked before they run, and what DynamoDB or SQS refuses is an error
# like any other.
_CONFIG_OF_WEBHOOKS = Config(parameter_validation=False)

_REFUSED_FOR_EVER = frozenset({"ValidationException", "SerializationException", "InvalidRequest"})

_OTHER_KEY = re.compile(
    r"ValidationException.*(key element|key schema|number of conditions on the keys|"
    r"Missing the key|Type mismatch for key)"
)
"""How DynamoDB refuses what does not fit the key of a table or an index."""

NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
NOT_PERMITTED = frozenset({"AccessDenied", "AccessDeniedException"})
KEY_NOT_PERMITTED = frozenset(
    {"KMSAccessDeniedException", "KMS.AccessDeniedException", "KmsAccessDenied"}
)
NO_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        # A client that found no credentials never looks again.
        "NoCredentialsError",
        "PartialCredentialsError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
    }
)
UNFIT = (
    frozenset({"ResourceNotFoundException", "NoSuchBucket", "OptInRequired"})
    | NO_QUEUE
    | NOT_PERMITTED
    | KEY_NOT_PERMITTED
    | NO_CREDENTIALS
)
"""What no waiting mends. Everything else that AWS answers instead of a result may heal."""


class AwsClients:
    """Clients of one AWS session, which reads region, credentials and endpoints as usual.

    Each is built when it is asked for: the caller keeps it. Clients are safe to share among
    threads; ``max_connections`` is how many of them may call at once.
    """

    def __init__(self, max_connections: int = 10) -> None:
        with _setup_errors("AWS"):
            self._session = Session()
        self._config = _CONFIG.merge(Config(max_pool_connections=max_connections))
        self._config_of_webhooks = self._config.merge(_CONFIG_OF_WEBHOOKS)

    def dynamodb(self) -> "DynamoDBClient":
        """A client of DynamoDB."""
        with _setup_errors("dynamodb"):
            return self._session.client("dynamodb", config=self._config_of_webhooks)

    def sqs(self) -> "SQSClient":
        """A client of SQS."""
        with _setup_errors("sqs"):
            return self._session.client("sqs", config=self._config_of_webhooks)

    def s3(self) -> "S3Client":
        """A client of S3."""
        with _setup_errors("s3"):
            return self._session.client("s3", config=self._config)

    def secrets_manager(self) -> "SecretsManagerClient":
        """A client of Secrets Manager."""
        with _setup_errors("secretsmanager"):
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
        if _OTHER_KEY.search(str(error)):
            text = f"{what}: the table has another key than expected"
            raise StorageUnavailableError(text, needs_operator=True) from error
        if code in _REFUSED_FOR_EVER or isinstance(error, ParamValidationError):
            raise StorageRefusedError(f"{what}: {code}") from error
        raise StorageUnavailableError(f"{what}: {code}", needs_operator=code in UNFIT) from error


@contextmanager
def _setup_errors(what: str) -> Iterator[None]:
    """Translate the errors of making a session or a client: the settings of AWS are wrong.

    Only a program or a service that gives the credentials may be what does not answer.
    """
    try:
        yield
    except CredentialRetrievalError as error:
        raise StorageUnavailableError(f"{what}: {error_code(error)}") from error
    except BotoCoreError as error:
        raise StorageUnavailableError(
            f"{what}: {error_code(error)}", needs_operator=True
        ) from error
    except ValueError as error:  # an endpoint that is no URL
        raise StorageUnavailableError(f"{what}: {error}", needs_operator=True) from error
