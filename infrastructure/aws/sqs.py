"""Calls of one SQS queue, with its errors as errors of the domain; and checks of queues.

Each check returns a line for each problem, with what was expected, and nothing if there is
none. Whether messages may be *sent* can only be known by sending one, which no check does.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from domain.routing import QueueName
from infrastructure.aws.clients import error_code, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

LONG_POLL_SECONDS = 1
"""Asks every server of a queue, not some of them; and stays below the read time-out."""

RECEIVE_COUNT: Final = "ApproximateReceiveCount"
_READY: Final = "ApproximateNumberOfMessages"
_DELAYED: Final = "ApproximateNumberOfMessagesDelayed"
_IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"

_INVALID_RECEIPT = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "MissingParameter",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)
"""What SQS calls a receipt that has expired, or never was one."""

SMALLEST_LIMIT_BYTES = 256 * 1024
"""How much every queue of Frontdesk has to take in one message."""

_REFUSALS = {
    "AWS.SimpleQueueService.NonExistentQueue": "there is no queue {url}",
    "QueueDoesNotExist": "there is no queue {url}",
    "AccessDenied": "sqs:GetQueueAttributes is not permitted on {url}",
    "AccessDeniedException": "sqs:GetQueueAttributes is not permitted on {url}",
}

Attributes = Mapping[Any, str]
"""What SQS says of a queue, by its names."""


class SqsQueue:
    """The queue at ``url``; ``name`` stands for it in errors."""

    def __init__(self, client: "SQSClient", url: str, name: str, wait_seconds: int) -> None:
        self.client = client
        self.url = url
        self.name = name
        self.wait_seconds = wait_seconds

    def receive(self, limit: int, visibility: timedelta) -> "list[MessageTypeDef]":
        """Up to ``limit`` messages, of ten at most, with how often each was received."""
        with storage_errors(self.name):
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=limit,
                VisibilityTimeout=whole_seconds(visibility),
                WaitTimeSeconds=self.wait_seconds,
                MessageSystemAttributeNames=[RECEIVE_COUNT],
            )
        return answer.get("Messages", [])

    def delete(self, receipt: str) -> bool:
        """Delete what was received; ``False`` if the receipt is not valid any more."""
        return self._use(receipt, self.client.delete_message)

    def hide(self, receipt: str, duration: timedelta) -> bool:
        """Deliver it again after ``duration``; ``False`` as ``delete``."""
        seconds = whole_seconds(duration)
        return self._use(receipt, self.client.change_message_visibility, VisibilityTimeout=seconds)

    def counts(self) -> tuple[int, int, int]:
        """About how many messages are ready, delayed, and received but not deleted."""
        with storage_errors(self.name):
            found = self.client.get_queue_attributes(
                QueueUrl=self.url, AttributeNames=[_READY, _DELAYED, _IN_FLIGHT]
            )["Attributes"]
        return int(found[_READY]), int(found[_DELAYED]), int(found[_IN_FLIGHT])

    def _use(self, receipt: str, call: Callable[..., object], **arguments: int) -> bool:
        with storage_errors(self.name):
            try:
                call(QueueUrl=self.url, ReceiptHandle=receipt, **arguments)
            except ClientError as error:
                if error_code(error) in _INVALID_RECEIPT:
                    return False
                raise
        return True


def whole_seconds(duration: timedelta) -> int:
    """``duration`` as SQS takes it, rounded up."""
    return math.ceil(duration / timedelta(seconds=1))


def check_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """What is wrong with the context queues."""
    return tuple(
        f"{queue}: {problem}"
        for queue, url in urls.items()
        for problem in _problems(client, url, _unsuitable)
    )


def missing_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """The problems without which nothing can work: context queues that cannot be reached."""
    return tuple(f"{queue}: {p}" for queue, url in urls.items() for p in _problems(client, url))


def check_spool(
    client: "SQSClient", url: str, visibility: timedelta, max_attempts: int
) -> tuple[str, ...]:
    """What is wrong with the queue of the spool.

    ``visibility`` is how long a worker has an entry for itself, and ``max_attempts`` after how
    many Frontdesk gives up.
    """
    suits = partial(_unsuitable, visibility=visibility, max_attempts=max_attempts)
    return tuple(_problems(client, url, partial(_not_fifo, url), suits))


def unusable_spool(client: "SQSClient", url: str) -> tuple[str, ...]:
    """The problems with which nothing can be spooled at all."""
    return tuple(_problems(client, url, partial(_not_fifo, url)))


def _problems(
    client: "SQSClient", url: str, *checks: Callable[[Attributes], Iterator[str]]
) -> Iterator[str]:
    """Why a queue could not be asked, or else what the ``checks`` find."""
    try:
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except (ClientError, BotoCoreError) as error:
        code = error_code(error)
        yield _REFUSALS.get(code, f"{{url}} could not be asked: {code}").format(url=url)
        return
    for check in checks:
        yield from check(found)


def _not_fifo(url: str, attributes: Attributes) -> Iterator[str]:
    if attributes.get("FifoQueue") != "true":
        yield f"{url} is a standard queue, expected FIFO: the order of a sender would be lost"


def _unsuitable(
    attributes: Attributes, visibility: timedelta = timedelta(0), max_attempts: int = 0
) -> Iterator[str]:
    largest = int(attributes["MaximumMessageSize"])
    if largest < SMALLEST_LIMIT_BYTES:
        yield f"MaximumMessageSize is {largest}, expected at least {SMALLEST_LIMIT_BYTES}"
    seconds, expected = int(attributes["VisibilityTimeout"]), int(visibility.total_seconds())
    if seconds < expected:
        yield (
            f"VisibilityTimeout is {seconds}, expected at least {expected}: "
            "two workers would have the same webhook"
        )
    policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    if "deadLetterTargetArn" not in policy:
        yield (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what no consumer can process would come back until it expires"
        )
    elif int(policy["maxReceiveCount"]) <= max_attempts:
        yield (
            f"maxReceiveCount is {policy['maxReceiveCount']}, expected more than {max_attempts}: "
            "SQS would give a webhook up before Frontdesk does"
        )
