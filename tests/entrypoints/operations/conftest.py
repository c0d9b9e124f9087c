"""Settings for AWS resources as an operator makes them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from entrypoints.operations import clock_checks
from entrypoints.operations.clock_checks import KernelClock
from tests.emulators import EmulatedAws, unique_name
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.infrastructure.aws.sqs_queues import created_queue

SECRETS = {"TWILIO_ACCOUNT_SID": "AC" + "7" * 32, "TWILIO_AUTH_TOKEN": "a-token-of-nobody"}


@pytest.fixture
def environ(
    ministack: EmulatedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Settings for complete AWS resources without dead-letter queues; nothing on this disk."""
    environ = {**aws_settings(ministack), **SECRETS, "DATA_DIR": str(tmp_path / "never-made")}
    for name, value in ministack.environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def unkept_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says nothing good of its clock."""
    unkept = KernelClock(is_synchronised=False, most_off=timedelta(seconds=16))
    monkeypatch.setattr(clock_checks, "kernel_clock", lambda: unkept)


@pytest.fixture
def complete(environ: dict[str, str], ministack: EmulatedAws) -> dict[str, str]:
    """The same with dead-letter queues and a public URL."""
    for name in [name for name in environ if name.endswith("_QUEUE_URL")]:
        is_spool = name == "SPOOL_QUEUE_URL"
        environ[name] = queue_with_dead_letters(ministack, fifo=is_spool)
    return {**environ, "PUBLIC_BASE_URL": "https://hooks.example.com"}


def queue_with_dead_letters(aws: EmulatedAws, *, fifo: bool) -> str:
    """The URL of a new queue that moves a message to a dead-letter queue after 1000 receives."""
    suffix, attributes = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
    url = created_queue(aws, unique_name("dead") + suffix, attributes)
    answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": answer["Attributes"]["QueueArn"], "maxReceiveCount": 1000}
    attributes = {**attributes, "RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "180"}
    return created_queue(aws, unique_name("queue") + suffix, attributes)
