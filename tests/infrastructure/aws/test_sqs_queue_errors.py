"""Errors of SQS. A stub makes those that no emulator makes on demand."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from application.ports.context_queue import DelayedReader
from domain.errors import QueueRoutingError, StorageUnavailableError, UnreadableMessageError
from domain.queues import ALL_QUEUES
from domain.trail import LONGEST_REASON
from infrastructure.aws.sqs_queue import SqsContextQueue
from tests.contracts.context_queue import AT_ONCE, REPLIES, a_context
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.sqs_queues import created

URLS = {name: f"https://sqs.us-east-1.amazonaws.com/1/{name}" for name in ALL_QUEUES}
MISSING = re.escape(
    "there is no queue sms-replies (AWS.SimpleQueueService.NonExistentQueue). Create it, or "
    "correct SMS_REPLIES_QUEUE_URL"
)
StubbedQueue = tuple[SqsContextQueue, Stubber]


@pytest.fixture
def stubbed(unreachable_aws: EmulatedAws) -> Iterator[StubbedQueue]:
    """A queue and a stub with which the test sets the responses of SQS in order."""
    with Stubber(unreachable_aws.sqs) as stubber:
        yield SqsContextQueue(unreachable_aws.sqs, URLS), stubber


def test_missing_queue_raises_an_error_for_publish_and_read(aws: EmulatedAws) -> None:
    urls = {name: f"{url}-gone" for name, url in created(aws).items()}
    queue = SqsContextQueue(aws.sqs, urls)
    with pytest.raises(QueueRoutingError, match=MISSING) as caught:
        queue.publish(a_context(), AT_ONCE)
    assert isinstance(caught.value.__cause__, ClientError)
    for read in (
        queue.depths,
        partial(queue.receive, REPLIES, 1),
        partial(queue.acknowledge, REPLIES, "receipt"),
    ):
        with pytest.raises(StorageUnavailableError, match="NonExistentQueue"):
            read()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ThrottlingException", "sms-replies: ThrottlingException"),
        ("InternalFailure", "sms-replies: InternalFailure"),
        (
            "AccessDenied",
            "sqs:SendMessage is not permitted on sms-replies (AccessDenied). Permit it in the "
            "policy of Frontdesk's role, and in that of the queue if it has one",
        ),
        (
            "KmsAccessDenied",
            "the encryption key of sms-replies may not be used (KmsAccessDenied). Permit "
            "kms:GenerateDataKey and kms:Decrypt to Frontdesk's role",
        ),
        (
            "ExpiredToken",
            "Frontdesk has no valid credentials of AWS for sms-replies (ExpiredToken). Set them, "
            "or renew them",
        ),
    ],
)
def test_publish_refused_by_sqs_says_why_and_what_to_mend(
    stubbed: StubbedQueue, code: str, reason: str
) -> None:
    queue, stubber = stubbed
    stubber.add_client_error("send_message", code, "secret detail", 400)
    with pytest.raises(QueueRoutingError) as caught:
        queue.publish(a_context(), AT_ONCE)
    assert str(caught.value) == reason
    assert len(reason) < LONGEST_REASON
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="x"), EndpointConnectionError(endpoint_url="x")]
)
def test_time_out_of_sqs_raises_a_routing_error_for_publish(
    unreachable_aws: EmulatedAws, error: BotoCoreError
) -> None:
    def fail(**_: object) -> None:
        raise error

    unreachable_aws.sqs.meta.events.register("before-call.sqs", fail)
    queue = SqsContextQueue(unreachable_aws.sqs, URLS)
    reason = f"SQS does not answer for sms-replies ({type(error).__name__}). Check the network"
    with pytest.raises(QueueRoutingError, match=re.escape(reason)) as caught:
        queue.publish(a_context(), AT_ONCE)
    assert caught.value.__cause__ is error
    with pytest.raises(StorageUnavailableError, match=type(error).__name__):
        queue.receive(REPLIES, 1)


@pytest.mark.parametrize(
    "code", ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MissingParameter"]
)
def test_receipt_refused_by_sqs_with_any_code_is_invalid(stubbed: StubbedQueue, code: str) -> None:
    queue, stubber = stubbed
    stubber.add_client_error("delete_message", code)
    assert not queue.acknowledge(REPLIES, "receipt")


def test_message_that_is_not_a_context_is_reported_by_its_id(aws: EmulatedAws) -> None:
    urls = created(aws)
    sent = aws.sqs.send_message(QueueUrl=urls[REPLIES], MessageBody='{"secret": 1}')
    with pytest.raises(UnreadableMessageError, match=sent["MessageId"]) as caught:
        SqsContextQueue(aws.sqs, urls).receive(REPLIES, 1)
    assert "secret" not in str(caught.value)


def test_sqs_queue_cannot_show_delayed_contexts(stubbed: StubbedQueue) -> None:
    queue, _ = stubbed
    assert not isinstance(queue, DelayedReader)
