"""Are the SQS queues as Frontdesk needs them? For whoever sets them up."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from domain.routing import QueueName
from infrastructure.aws.queue_attributes import queue_attributes, redrive_policy, size_problems

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def check_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """What is wrong with the queues, a line each, and what was expected; empty if nothing is.

    Whether contexts may be *sent* can only be known by sending one, which this does not do.
    """
    return tuple(
        f"{queue}: {problem}" for queue, url in urls.items() for problem in _problems(client, url)
    )


def missing_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """Those of the problems without which nothing can work: queues that cannot be reached."""
    answers = {queue: queue_attributes(client, url) for queue, url in urls.items()}
    return tuple(f"{queue}: {found}" for queue, found in answers.items() if isinstance(found, str))


def _problems(client: "SQSClient", url: str) -> Iterator[str]:
    found = queue_attributes(client, url)
    if isinstance(found, str):
        yield found
        return
    yield from size_problems(found)
    if "deadLetterTargetArn" not in redrive_policy(found):
        yield (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what no consumer can process would come back until it expires"
        )
