"""New queues on an emulator of SQS."""

from collections.abc import Mapping

from domain.queues import ALL_QUEUES, QueueName
from tests.emulators import EmulatedAws, unique_name


def created(aws: EmulatedAws, **attributes: str) -> dict[QueueName, str]:
    """The URLs of six new queues with these attributes."""
    prefix = unique_name("queue")
    return {name: created_queue(aws, f"{prefix}-{name}", attributes) for name in ALL_QUEUES}


def created_queue(aws: EmulatedAws, name: str, attributes: Mapping[str, str]) -> str:
    """The URL of a new queue."""
    # The names of attributes are plain text here because they are parameters of a test.
    response = aws.sqs.create_queue(QueueName=name, Attributes=attributes)  # type: ignore[arg-type]
    return response["QueueUrl"]


def a_spool_queue(aws: EmulatedAws) -> str:
    """The URL of a new queue for the spool: FIFO, because entries of one sender have an order."""
    response = aws.sqs.create_queue(
        QueueName=f"{unique_name('spool')}.fifo",
        Attributes={
            "FifoQueue": "true",
            "MaximumMessageSize": "262144",
            "VisibilityTimeout": "180",
        },
    )
    return response["QueueUrl"]
