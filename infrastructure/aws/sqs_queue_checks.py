"""Whether the SQS queues are as Frontdesk needs them: the context queues and the spool.

Each check returns a line for each problem, with what was expected, and nothing if there is
none. Whether messages may be *sent* can only be known by sending one, which no check does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from application.ports.checks import Unreported
from domain.queues import QueueName
from infrastructure.aws.check_answers import at_once, no_answer
from infrastructure.aws.clients import error_code
from infrastructure.aws.sqs_refusals import refusal

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SMALLEST_LIMIT_BYTES = 256 * 1024
"""How much every queue of Frontdesk has to take in one message."""

Attributes = Mapping[Any, str]
"""What SQS says of a queue, by its names."""


def check_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """What is wrong with the context queues: once, where it is the same with several."""
    queues: dict[tuple[type[str], str], list[QueueName]] = {}
    for queue, url in urls.items():
        for problem in _problems(client, url):
            queues.setdefault((type(problem), problem), []).append(queue)
    return tuple(kind(f"{_names(of)}: {problem}") for (kind, problem), of in queues.items())


def _names(queues: Sequence[QueueName]) -> str:
    """``sms-replies``, ``2 queues (sms-replies, sms-handoff)``."""
    names = ", ".join(map(str, queues))
    return names if len(queues) == 1 else f"{len(queues)} queues ({names})"


def missing_queues(client: "SQSClient", urls: Mapping[QueueName, str]) -> tuple[str, ...]:
    """The problems without which nothing can work: context queues that cannot be reached."""
    answers = zip(urls, at_once(lambda url: _attributes(client, url), urls.values()), strict=True)
    return tuple(_of(queue, found) for queue, found in answers if isinstance(found, str))


def check_spool(
    client: "SQSClient", url: str, visibility: timedelta, max_attempts: int
) -> tuple[str, ...]:
    """What is wrong with the queue of the spool.

    ``visibility`` is how long a worker has an entry for itself, and ``max_attempts`` after how
    many Frontdesk gives up.
    """
    found = _attributes(client, url)
    if isinstance(found, str):
        return (found,)
    return (*_not_fifo(found, url), *_spool_problems(found, visibility, max_attempts))


def unusable_spool(client: "SQSClient", url: str) -> tuple[str, ...]:
    """The problems with which nothing can be spooled at all."""
    found = _attributes(client, url)
    return (found,) if isinstance(found, str) else tuple(_not_fifo(found, url))


def _attributes(client: "SQSClient", url: str) -> Attributes | str:
    """The attributes of a queue, or why they are not known."""
    try:
        answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    except (ClientError, BotoCoreError) as error:
        code = error_code(error)
        known = refusal(code, "sqs:GetQueueAttributes", url)
        line = known or f"{url} could not be asked: {code}"
        return no_answer(line, error)
    return answer.get("Attributes", {})


def _of(queue: QueueName, problem: str) -> str:
    """``problem`` with the name of the queue; of the same kind."""
    return type(problem)(f"{queue}: {problem}")


def _number(attributes: Attributes, name: str) -> int | None:
    """An attribute; ``None`` where an engine does not report it."""
    try:
        return int(attributes[name])
    except (KeyError, TypeError, ValueError):
        return None


def _unreported(name: str, expected: object) -> Unreported:
    return Unreported(f"{name} is not reported, expected {expected}")


def _problems(client: "SQSClient", url: str) -> Iterator[str]:
    found = _attributes(client, url)
    if isinstance(found, str):
        yield found
    else:
        yield from _size_problems(found)
        yield from _redrive_problems(found)


def _size_problems(attributes: Attributes) -> Iterator[str]:
    largest = _number(attributes, "MaximumMessageSize")
    expected = f"at least {SMALLEST_LIMIT_BYTES}"
    if largest is None:
        yield _unreported("MaximumMessageSize", expected)
    elif largest < SMALLEST_LIMIT_BYTES:
        yield f"MaximumMessageSize is {largest}, expected {expected}"


def _redrive_problems(attributes: Attributes, max_attempts: int | None = None) -> Iterator[str]:
    """Whether SQS moves away what was received too often, and not too soon."""
    policy = _redrive_policy(attributes)
    most = _number(policy, "maxReceiveCount")
    if "deadLetterTargetArn" not in policy:
        yield (
            "no dead-letter queue, expected a RedrivePolicy: "
            "what no consumer can process would come back until it expires"
        )
    elif max_attempts is not None and most is None:
        yield _unreported("maxReceiveCount", f"more than {max_attempts}")
    elif max_attempts is not None and most is not None and most <= max_attempts:
        yield (
            f"maxReceiveCount is {most}, expected more than {max_attempts}: "
            "SQS would give a webhook up before Frontdesk does"
        )


def _redrive_policy(attributes: Attributes) -> Attributes:
    """The policy; empty where there is none that can be read."""
    try:
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    except ValueError:
        return {}
    return policy if isinstance(policy, dict) else {}


def _not_fifo(attributes: Attributes, url: str) -> Iterator[str]:
    # SQS reports it of FIFO queues alone, and their names end like this.
    if "FifoQueue" not in attributes and url.endswith(".fifo"):
        yield _unreported("FifoQueue", "true")
    elif attributes.get("FifoQueue") != "true":
        yield f"{url} is a standard queue, expected FIFO: the order of a sender would be lost"


def _spool_problems(
    attributes: Attributes, visibility: timedelta, max_attempts: int
) -> Iterator[str]:
    yield from _size_problems(attributes)
    seconds, expected = _number(attributes, "VisibilityTimeout"), int(visibility.total_seconds())
    if seconds is None:
        yield _unreported("VisibilityTimeout", f"at least {expected}")
    elif seconds < expected:
        yield (
            f"VisibilityTimeout is {seconds}, expected at least {expected}: "
            "two workers would have the same webhook"
        )
    yield from _redrive_problems(attributes, max_attempts)
