"""Are the SQS queues as Frontdesk needs them? For whoever sets them up."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.routing import QueueKind, QueueName
from infrastructure.aws.queue_attributes import queue_attributes, redrive_policy, size_problems
from infrastructure.aws.sqs_queue import is_fifo

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType


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
    answers = {queue: queue_attributes(client, url) for queue, url in urls.items()}
    return tuple(f"{queue}: {found}" for queue, found in answers.items() if isinstance(found, str))


def _problems(client: "SQSClient", url: str, delay: timedelta) -> Iterator[str]:
    found = queue_attributes(client, url)
    if isinstance(found, str):
        yield found
    else:
        yield from _wrong_attributes(found, int(delay.total_seconds()), fifo=is_fifo(url))


def _wrong_attributes(
    attributes: "Mapping[QueueAttributeNameType, str]", delay_seconds: int, *, fifo: bool
) -> Iterator[str]:
    own_delay = int(attributes["DelaySeconds"])
    if fifo and own_delay != delay_seconds:
        yield (
            f"DelaySeconds is {own_delay}, expected {delay_seconds}: "
            "on a FIFO queue no message can have a delay of its own"
        )
    yield from size_problems(attributes)
    if "deadLetterTargetArn" not in redrive_policy(attributes):
        yield (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what no consumer can process would come back until it expires"
        )
