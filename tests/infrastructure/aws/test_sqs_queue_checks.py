"""The check of the queues reports each wrong attribute with the expected one."""

import json

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.stub import Stubber

from application.ports.checks import Unanswered, Unreported
from domain.channels import ChannelType
from domain.queues import ALL_QUEUES, QueueKind, QueueName
from infrastructure.aws.sqs_queue import SqsContextQueue
from infrastructure.aws.sqs_queue_checks import check_queues, missing_queues
from tests.contracts.context_queue import HANDOFF, REPLIES
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.dynamodb.dynamodb_faults import answering, response, sent
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


def test_missing_queues_tells_what_is_wrong_from_what_does_not_answer(
    unreachable_aws: EmulatedAws,
) -> None:
    codes = {"1": "ThrottlingException", "2": "AccessDenied", "3": "InvalidAction"}
    queues = list(ALL_QUEUES)
    urls = {
        queue: f"https://sqs.test/{number}" for queue, number in zip(queues, codes, strict=False)
    }

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        code = codes[json.loads(sent(request))["QueueUrl"][-1]]
        return response(request, 400, {"__type": f"com.amazonaws.sqs#{code}"})

    with answering(unreachable_aws.sqs, answer):
        throttled, denied, unknown = missing_queues(unreachable_aws.sqs, urls)
    assert throttled.endswith("https://sqs.test/1 could not be asked: ThrottlingException")
    assert [type(line) for line in (throttled, denied, unknown)] == [Unanswered, str, Unreported]


NO_SIZE = "sms-replies: MaximumMessageSize is not reported, expected at least 262144"


@pytest.mark.parametrize(
    ("reported", "has_dead_letters"),
    [
        ({"MaximumMessageSize": "large", "RedrivePolicy": "{"}, False),
        ({"RedrivePolicy": "[]"}, False),
        ({"RedrivePolicy": '{"deadLetterTargetArn": "arn"}'}, True),
        (None, False),
    ],
)
def test_what_an_engine_leaves_out_is_unreported(
    unreachable_aws: EmulatedAws, reported: dict[str, str] | None, has_dead_letters: bool
) -> None:
    """ElasticMQ reports no MaximumMessageSize."""
    answer = {} if reported is None else {"Attributes": reported}
    with Stubber(unreachable_aws.sqs) as stubber:
        stubber.add_response("get_queue_attributes", answer)
        size, *wrong = check_queues(unreachable_aws.sqs, {REPLIES: "https://sqs.test/1"})
    assert (size, type(size)) == (NO_SIZE, Unreported)
    assert len(wrong) == (not has_dead_letters)
    assert {type(line) for line in wrong} <= {str}


@pytest.mark.parametrize("counts", [{}, {"ApproximateNumberOfMessages": "2"}])
def test_number_that_an_engine_leaves_out_counts_as_zero(
    unreachable_aws: EmulatedAws, counts: dict[str, str]
) -> None:
    urls = {queue: f"https://sqs.test/{queue}" for queue in ALL_QUEUES}
    with Stubber(unreachable_aws.sqs) as stubber:
        for _ in ALL_QUEUES:
            stubber.add_response("get_queue_attributes", {"Attributes": counts})
        depths = SqsContextQueue(unreachable_aws.sqs, urls).depths()
    assert {(one.ready, one.delayed, one.in_flight) for one in depths} == {
        (2 if counts else 0, 0, 0)
    }
