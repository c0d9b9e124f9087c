"""Calls of one SQS queue, with its errors as errors of the domain."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

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
            ).get("Attributes", {})
        # An engine may leave a number out.
        ready, delayed, in_flight = (
            int(found.get(name, 0)) for name in (_READY, _DELAYED, _IN_FLIGHT)
        )
        return ready, delayed, in_flight

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
