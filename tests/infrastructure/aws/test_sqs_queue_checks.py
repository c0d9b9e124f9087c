"""The check of the queues reports each wrong attribute with the expected one."""

import json

import pytest
from botocore.stub import Stubber

from domain.channels import ChannelType
from domain.routing import QueueKind, QueueName
from infrastructure.aws.sqs import check_queues, missing_queues
from tests.contracts.context_queue import HANDOFF, REPLIES
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.sqs_queues import created, created_queue


@pytest.fixture
def redrive(aws: EmulatedAws) -> str:
    """A policy that names a dead-letter queue."""
    url = created_queue(aws, unique_name("dead"), {})
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 5})


def test_queues_with_the_expected_attributes_have_no_problem(
    aws: EmulatedAws, redrive: str
) -> None:
    urls = created(aws, RedrivePolicy=redrive, DelaySeconds="7")
    assert check_queues(aws.sqs, urls) == ()


def test_missing_queue_is_reported_by_name(aws: EmulatedAws, redrive: str) -> None:
    urls = created(aws, RedrivePolicy=redrive)
    urls[REPLIES] += "-gone"
    assert check_queues(aws.sqs, urls) == (f"sms-replies: there is no queue {urls[REPLIES]}",)


def test_missing_queues_reports_only_missing_queues(aws: EmulatedAws) -> None:
    urls = created(aws)
    assert missing_queues(aws.sqs, urls) == ()
    urls[REPLIES] += "-gone"
    assert missing_queues(aws.sqs, urls) == (f"sms-replies: there is no queue {urls[REPLIES]}",)


def test_every_wrong_attribute_of_a_queue_is_reported(aws: EmulatedAws) -> None:
    email = QueueName(ChannelType.EMAIL, QueueKind.REPLIES)
    urls = created(aws, MaximumMessageSize="65536")
    size, dead_letters = check_queues(aws.sqs, {email: urls[email]})
    assert size == "email-replies: MaximumMessageSize is 65536, expected at least 262144"
    assert dead_letters.startswith("email-replies: no dead-letter queue, expected a RedrivePolicy")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("AccessDenied", "sqs:GetQueueAttributes is not permitted on https://sqs.test/1"),
        ("AccessDeniedException", "sqs:GetQueueAttributes is not permitted on https://sqs.test/1"),
        ("ThrottlingException", "https://sqs.test/1 could not be asked: ThrottlingException"),
    ],
)
def test_refused_queue_check_is_reported_and_the_next_queue_is_checked(
    unreachable_aws: EmulatedAws, code: str, problem: str
) -> None:
    good = {
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "VisibilityTimeout": "30",
        "RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:eu-1:1:dead", "maxReceiveCount": 5}',
    }
    urls = {REPLIES: "https://sqs.test/1", HANDOFF: "https://sqs.test/2"}
    with Stubber(unreachable_aws.sqs) as stubber:
        stubber.add_client_error("get_queue_attributes", code)
        stubber.add_response("get_queue_attributes", {"Attributes": good})
        assert check_queues(unreachable_aws.sqs, urls) == (f"sms-replies: {problem}",)
        stubber.assert_no_pending_responses()
