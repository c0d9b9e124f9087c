"""Whether the SQS queues are as Frontdesk needs them: the context queues and the spool.

Each check returns a line for each problem, with what was expected, and nothing if there is
none. Whether messages may be *sent* can only be known by sending one, which no check does.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from domain.routing import QueueName
from infrastructure.aws.clients import error_code

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SMALLEST_LIMIT_BYTES = 256 * 1024
"""How much every queue of Frontdesk has to take in one message."""

_REFUSALS = {
    "AWS.SimpleQueueService.NonExistentQueue": "there is no queue {url}",
    "QueueDoesNotExist": "there is no queue {url}",
    "AccessDenied": "sqs:GetQueueAttributes is not permitted on {url}",
    "AccessDeniedException": "sqs:GetQueueAttributes is not permitted on {url}",
}

Rule = Callable[[Mapping[Any, str]], str | None]
"""What is wrong with the attributes of a queue, if anything."""


def check_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """What is wrong with the context queues."""
    rules = (_takes_enough, _gives_up)
    return tuple(
        f"{queue}: {p}" for queue, url in urls.items() for p in _check(client, url, *rules)
    )


def missing_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """The problems without which nothing can work: context queues that cannot be reached."""
    return tuple(f"{queue}: {p}" for queue, url in urls.items() for p in _check(client, url))


def check_spool(
    client: "SQSClient", url: str, visibility: timedelta, max_attempts: int
) -> tuple[str, ...]:
    """What is wrong with the queue of the spool.

    ``visibility`` is how long a worker has an entry for itself, and ``max_attempts`` after how
    many Frontdesk gives up.
    """
    hides = partial(_hides_long_enough, int(visibility.total_seconds()))
    gives_up = partial(_gives_up, max_attempts=max_attempts)
    return tuple(_check(client, url, partial(_is_fifo, url), _takes_enough, hides, gives_up))


def unusable_spool(client: "SQSClient", url: str) -> tuple[str, ...]:
    """The problems with which nothing can be spooled at all."""
    return tuple(_check(client, url, partial(_is_fifo, url)))


def _check(client: "SQSClient", url: str, *rules: Rule) -> Iterator[str]:
    """Why a queue could not be asked, or else what is against the rules."""
    try:
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except (ClientError, BotoCoreError) as error:
        code = error_code(error)
        yield _REFUSALS.get(code, f"{{url}} could not be asked: {code}").format(url=url)
    else:
        yield from filter(None, (rule(found) for rule in rules))


def _takes_enough(attributes: Mapping[Any, str]) -> str | None:
    largest = int(attributes["MaximumMessageSize"])
    if largest >= SMALLEST_LIMIT_BYTES:
        return None
    return f"MaximumMessageSize is {largest}, expected at least {SMALLEST_LIMIT_BYTES}"


def _gives_up(attributes: Mapping[Any, str], max_attempts: int = 0) -> str | None:
    """Whether SQS moves away what was received too often, and not too soon."""
    policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    if "deadLetterTargetArn" not in policy:
        return (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what no consumer can process would come back until it expires"
        )
    if max_attempts and int(policy["maxReceiveCount"]) <= max_attempts:
        return (
            f"maxReceiveCount is {policy['maxReceiveCount']}, expected more than {max_attempts}: "
            "SQS would give a webhook up before Frontdesk does"
        )
    return None


def _is_fifo(url: str, attributes: Mapping[Any, str]) -> str | None:
    if attributes.get("FifoQueue") == "true":
        return None
    return f"{url} is a standard queue, expected FIFO: the order of a sender would be lost"


def _hides_long_enough(expected: int, attributes: Mapping[Any, str]) -> str | None:
    seconds = int(attributes["VisibilityTimeout"])
    if seconds >= expected:
        return None
    return (
        f"VisibilityTimeout is {seconds}, expected at least {expected}: "
        "two workers would have the same webhook"
    )
