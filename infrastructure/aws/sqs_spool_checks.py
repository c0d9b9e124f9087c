"""Is the SQS queue of the spool as Frontdesk needs it?"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from infrastructure.aws.queue_attributes import queue_attributes, redrive_policy, size_problems

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType


def check_spool(
    client: "SQSClient", url: str, visibility: timedelta, max_attempts: int
) -> tuple[str, ...]:
    """What is wrong with the queue, a line each, and what was expected; empty if nothing is.

    ``visibility`` is how long a worker has an entry for itself, and ``max_attempts`` after how
    many Frontdesk gives up. Whether entries may be *written* is not tried.
    """
    found = queue_attributes(client, url)
    if isinstance(found, str):
        return (found,)
    return (*_not_fifo(found, url), *_wrong_attributes(found, visibility, max_attempts))


def unusable_spool(client: "SQSClient", url: str) -> tuple[str, ...]:
    """Those of the problems with which nothing could be put aside at all."""
    found = queue_attributes(client, url)
    return (found,) if isinstance(found, str) else tuple(_not_fifo(found, url))


def _not_fifo(attributes: "Mapping[QueueAttributeNameType, str]", url: str) -> Iterator[str]:
    if attributes.get("FifoQueue") != "true":
        yield f"{url} is a standard queue, expected FIFO: the order of a sender would be lost"


def _wrong_attributes(
    attributes: "Mapping[QueueAttributeNameType, str]", visibility: timedelta, max_attempts: int
) -> Iterator[str]:
    yield from size_problems(attributes)
    seconds, expected = int(attributes["VisibilityTimeout"]), int(visibility.total_seconds())
    if seconds < expected:
        yield (
            f"VisibilityTimeout is {seconds}, expected at least {expected}: "
            "two workers would have the same webhook"
        )
    policy = redrive_policy(attributes)
    if "deadLetterTargetArn" not in policy:
        yield (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what nobody can read would come back until it expires"
        )
    elif int(policy["maxReceiveCount"]) <= max_attempts:
        yield (
            f"maxReceiveCount is {policy['maxReceiveCount']}, expected more than {max_attempts}: "
            "SQS would give a webhook up before Frontdesk does"
        )
