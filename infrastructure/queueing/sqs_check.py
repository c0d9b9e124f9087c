"""Are the SQS queues as Frontdesk needs them? For whoever sets them up."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from domain.routing import QueueKind, QueueName
from infrastructure.aws import error_code
from infrastructure.queueing.claim_check import QUEUE_LIMIT_BYTES
from infrastructure.queueing.sqs import is_fifo

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def check_queues(
    client: "SQSClient", urls: Mapping[QueueName, str], reply_delay: timedelta
) -> tuple[str, ...]:
    """What is wrong with the queues, a line each, and what was expected; empty if nothing is.

    Whether contexts may be *sent* can only be known by sending one, which this does not do.
    """
    problems: list[str] = []
    for queue, url in urls.items():
        delay = reply_delay if queue.kind is QueueKind.REPLIES else timedelta(0)
        problems += (f"{queue}: {problem}" for problem in _problems(client, url, delay))
    return tuple(problems)


def missing_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """Those of the problems without which nothing can work: queues that cannot be reached."""
    answers = {queue: _attributes(client, url) for queue, url in urls.items()}
    return tuple(f"{queue}: {found}" for queue, found in answers.items() if isinstance(found, str))


def _problems(client: "SQSClient", url: str, delay: timedelta) -> Iterator[str]:
    found = _attributes(client, url)
    if isinstance(found, str):
        yield found
    else:
        yield from _wrong_attributes(found, int(delay.total_seconds()), fifo=is_fifo(url))


def _attributes(client: "SQSClient", url: str) -> "Mapping[QueueAttributeNameType, str] | str":
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


def _wrong_attributes(
    attributes: "Mapping[QueueAttributeNameType, str]", delay_seconds: int, *, fifo: bool
) -> Iterator[str]:
    own_delay = int(attributes["DelaySeconds"])
    if fifo and own_delay != delay_seconds:
        yield (
            f"DelaySeconds is {own_delay}, expected {delay_seconds}: "
            "on a FIFO queue no message can have a delay of its own"
        )
    largest = int(attributes["MaximumMessageSize"])
    if largest < QUEUE_LIMIT_BYTES:
        yield f"MaximumMessageSize is {largest}, expected at least {QUEUE_LIMIT_BYTES}"
    if "deadLetterTargetArn" not in json.loads(attributes.get("RedrivePolicy") or "{}"):
        yield (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what no consumer can process would come back until it expires"
        )
