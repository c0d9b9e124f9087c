"""The check of the spool queue reports each wrong attribute with the expected one."""

import json
from datetime import timedelta

from botocore.stub import Stubber

from infrastructure.aws.sqs import check_spool, unusable_spool
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.sqs_queues import created_queue

VISIBILITY = timedelta(seconds=60)
MAX_ATTEMPTS = 150


def problems(aws: EmulatedAws, url: str) -> tuple[str, ...]:
    return check_spool(aws.sqs, url, VISIBILITY, MAX_ATTEMPTS)


def a_queue(aws: EmulatedAws, max_receive_count: int = 1000, **attributes: str) -> str:
    """The URL of a spool queue with its dead-letter queue."""
    fifo = {"FifoQueue": "true"}
    dead = created_queue(aws, f"{unique_name('dead')}.fifo", fifo)
    response = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {
        "deadLetterTargetArn": response["Attributes"]["QueueArn"],
        "maxReceiveCount": max_receive_count,
    }
    given = {"VisibilityTimeout": "180", "RedrivePolicy": json.dumps(policy), **attributes}
    return created_queue(aws, f"{unique_name('spool')}.fifo", fifo | given)


def test_spool_queue_with_the_expected_attributes_has_no_problem(aws: EmulatedAws) -> None:
    url = a_queue(aws)
    assert problems(aws, url) == ()
    assert unusable_spool(aws.sqs, url) == ()


def test_missing_spool_queue_is_reported_by_name(aws: EmulatedAws) -> None:
    url = f"{a_queue(aws)}-gone"
    assert problems(aws, url) == unusable_spool(aws.sqs, url) == (f"there is no queue {url}",)


def test_standard_queue_cannot_be_the_spool(aws: EmulatedAws) -> None:
    url = created_queue(aws, unique_name("queue"), {})
    (refusal,) = unusable_spool(aws.sqs, url)
    assert (
        refusal == f"{url} is a standard queue, expected FIFO: the order of a sender would be lost"
    )
    assert problems(aws, url)[0] == refusal


def test_max_receive_count_below_the_attempts_of_frontdesk_is_reported(aws: EmulatedAws) -> None:
    (problem,) = problems(aws, a_queue(aws, max_receive_count=150))
    assert problem.startswith("maxReceiveCount is 150, expected more than 150: ")


def test_every_other_wrong_attribute_of_the_spool_queue_is_reported(aws: EmulatedAws) -> None:
    attributes = {"FifoQueue": "true", "VisibilityTimeout": "30", "MaximumMessageSize": "65536"}
    url = created_queue(aws, f"{unique_name('spool')}.fifo", attributes)
    size, visibility, dead_letters = problems(aws, url)
    assert size == "MaximumMessageSize is 65536, expected at least 262144"
    assert visibility.startswith("VisibilityTimeout is 30, expected at least 60: ")
    assert dead_letters.startswith("no dead-letter queue, expected a RedrivePolicy: ")
    assert unusable_spool(aws.sqs, url) == ()


def test_refused_check_of_the_spool_queue_is_reported(unreachable_aws: EmulatedAws) -> None:
    with Stubber(unreachable_aws.sqs) as stubber:
        stubber.add_client_error("get_queue_attributes", "AccessDenied")
        assert problems(unreachable_aws, "https://sqs.test/1") == (
            "sqs:GetQueueAttributes is not permitted on https://sqs.test/1",
        )
