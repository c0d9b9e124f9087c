"""Emulators of AWS for tests: moto inside the process, ministack as a server beside it.

``aws`` gives a test both, one after the other. Either way a test names its tables, queues and
buckets with ``unique_name``, so that none sees what another left behind.
"""

import os
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.emulator import MINISTACK, ministack_server, wait_until_healthy
from infrastructure.aws.clients import AwsClients
from tests.aws_descriptions import share_descriptions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

OFFLINE_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Neither a developer's account nor the machine's role can be reached by accident."""

share_descriptions()


def unique_name(prefix: str) -> str:
    """A name for a table, queue or bucket that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class EmulatedAws:
    """Clients of an emulator, each built once: building one takes longer than most tests.

    ``environ`` is what a process needs in order to reach the same emulator.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    @cached_property
    def _clients(self) -> AwsClients:
        with self._environment():
            return AwsClients(max_connections=64)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """A client of DynamoDB."""
        with self._environment():
            return self._clients.dynamodb()

    @cached_property
    def dynamodb_apart(self) -> "DynamoDBClient":
        """Another one, which no test watches or disturbs."""
        with self._environment():
            return self._clients.dynamodb()

    @cached_property
    def sqs(self) -> "SQSClient":
        """A client of SQS."""
        with self._environment():
            return self._clients.sqs()

    @cached_property
    def s3(self) -> "S3Client":
        """A client of S3."""
        with self._environment():
            return self._clients.s3()

    @cached_property
    def secrets_manager(self) -> "SecretsManagerClient":
        """A client of Secrets Manager."""
        with self._environment():
            return self._clients.secrets_manager()

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """A session, and each client, reads its settings from the environment when built."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_PROFILE", raising=False)
            for name, value in self.environ.items():
                patch.setenv(name, value)
            yield


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAws]:
    """A ministack server that lives as long as the test session."""
    if not (MINISTACK / "uvicorn").exists():
        pytest.fail(f"{MINISTACK} lacks uvicorn: 'make test' installs it", pytrace=False)
    with running_ministack(tmp_path_factory.mktemp("ministack")) as aws:
        yield aws


@contextmanager
def running_ministack(directory: Path) -> Iterator[EmulatedAws]:
    """A ministack server on a free port, which has its log and its files in ``directory``."""
    port = _free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(directory),
        **OFFLINE_AWS,
    }
    log = directory / "ministack.log"
    with log.open("wb") as output:
        server = subprocess.Popen(ministack_server(port), env=environ, stdout=output, stderr=output)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        wait_until_healthy(server, endpoint, log)
        yield EmulatedAws({"AWS_ENDPOINT_URL": endpoint, **OFFLINE_AWS})
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="session")
def _moto() -> Iterator[EmulatedAws]:
    from moto.core import models  # its hook must be there before a client is built

    with pytest.MonkeyPatch.context() as patch:
        # It answers botocore alone. For the library ``requests`` it would prepare hundreds of
        # answers before each test, which takes a quarter of most tests.
        patch.setattr(models, "RESPONSES_METHODS", ())
        yield EmulatedAws(OFFLINE_AWS)


@pytest.fixture
def moto_aws(_moto: EmulatedAws) -> Iterator[EmulatedAws]:
    """moto, empty at the start of every test. It accepts more than AWS does."""
    from moto import mock_aws

    with mock_aws():
        yield _moto


@pytest.fixture
def unreachable_aws() -> EmulatedAws:
    """New clients that reach nobody: for stubs, which would stay on a client that is shared."""
    return EmulatedAws({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", **OFFLINE_AWS})


@pytest.fixture(params=["moto_aws", "ministack"])
def aws(request: pytest.FixtureRequest) -> EmulatedAws:
    """Each emulator in turn: where they differ from AWS, they do not both."""
    emulator: EmulatedAws = request.getfixturevalue(request.param)
    return emulator


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
