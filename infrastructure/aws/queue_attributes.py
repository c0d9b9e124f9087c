"""What SQS tells about a queue, for whoever checks whether it is as it has to be."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.aws.clients import error_code

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

SMALLEST_LIMIT_BYTES = 256 * 1024
"""How much every queue of Frontdesk has to take in one message."""

_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def queue_attributes(client: "SQSClient", url: str) -> "Mapping[QueueAttributeNameType, str] | str":
    """The attributes of a queue, or why they are not known."""
    try:
        return client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except ClientError as error:
        return _refusal(url, error_code(error))
    except BotoCoreError as error:
        return f"{url} could not be asked: {type(error).__name__}"


def _refusal(url: str, code: str) -> str:
    if code in _MISSING:
        return f"there is no queue {url}"
    if code in _DENIED:
        return f"sqs:GetQueueAttributes is not permitted on {url}"
    return f"{url} could not be asked: {code}"


def size_problems(attributes: "Mapping[QueueAttributeNameType, str]") -> Iterator[str]:
    """Whether a queue takes what it has to take."""
    largest = int(attributes["MaximumMessageSize"])
    if largest < SMALLEST_LIMIT_BYTES:
        yield f"MaximumMessageSize is {largest}, expected at least {SMALLEST_LIMIT_BYTES}"


def redrive_policy(attributes: "Mapping[QueueAttributeNameType, str]") -> Mapping[str, Any]:
    """Where a queue puts what was taken too often; empty where it keeps it."""
    policy: Mapping[str, Any] = json.loads(attributes.get("RedrivePolicy") or "{}")
    return policy
