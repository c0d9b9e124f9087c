"""What comes back from the dead-letter queue of the spool.

The emulator knows no StartMessageMoveTask. So the operator moves a message here as SQS does: it
receives it there, sends it to the spool and deletes it, with the operator's permissions.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from domain.channels import ChannelType
from tests.deployment.deployed import STACK, Deployed, eventually, post
from tests.deployment.roles import ACCOUNT, OPERATOR_ROLE, made_role
from tests.documentation.documents import blocks
from tests.emulators import EmulatedAws

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WEBHOOKS = "IncomingWebhookHandler"
LONG_TEXT = "A long story. " * 25_000
"""Too long for an entry of the spool queue: it waits in the bucket."""

(POLICY,) = (block for block in blocks("docs/operations.md", "json") if "MoveEntries" in block)


@pytest.fixture(scope="module")
def operator(deployed: Deployed) -> "SQSClient":
    """A client with the permissions of the guide."""
    text = POLICY.replace("${AWS_DEFAULT_REGION}", "us-east-1").replace("${ACCOUNT}", ACCOUNT)
    statements = json.loads(text.replace("frontdesk-${STAGE}", STACK))["Statement"]
    variables = made_role(deployed, OPERATOR_ROLE, statements)
    return EmulatedAws({**deployed.settings, **variables}).sqs


@pytest.fixture(scope="module")
def dead_letters_url(deployed: Deployed) -> str:
    """The URL of the spool's dead-letter queue."""
    name = f"{STACK}-spool-dead-letters.fifo"
    return deployed.aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]


@contextmanager
def dead_after_one_attempt(deployed: Deployed) -> Iterator[None]:
    """SQS gives entries of the spool up after one attempt, for the block."""
    sqs, url = deployed.aws.sqs, deployed.settings["SPOOL_QUEUE_URL"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    text = before["Attributes"]["RedrivePolicy"]
    fewer = json.dumps(json.loads(text) | {"maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": fewer})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": text})


def make_dead(deployed: Deployed, dead_letters_url: str) -> None:
    """Have SQS move the one entry of the spool to the dead-letter queue."""
    sqs, url = deployed.aws.sqs, deployed.settings["SPOOL_QUEUE_URL"]
    with dead_after_one_attempt(deployed):
        for _ in range(2):
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert (deployed.spooled(), waiting(deployed, dead_letters_url)) == (0, 1)


def waiting(deployed: Deployed, url: str) -> int:
    """The number of messages on a queue."""
    answer = deployed.aws.sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def move_back(operator: "SQSClient", source: str, destination: str) -> None:
    """Move one message as SQS does: a new one, in the same group."""
    (message,) = operator.receive_message(
        QueueUrl=source, MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    operator.send_message(
        QueueUrl=destination,
        MessageBody=message["Body"],
        MessageGroupId=message["Attributes"]["MessageGroupId"],
        # In a dead-letter queue SQS replaces the deduplication id by the id of the message.
        MessageDeduplicationId=message["MessageId"],
    )
    operator.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])


@pytest.mark.parametrize("text", ["Moved back", LONG_TEXT], ids=["inline", "in the bucket"])
def test_entry_that_an_operator_moves_back_is_recorded_and_routed(
    deployed: Deployed, operator: "SQSClient", dead_letters_url: str, text: str
) -> None:
    with deployed.spool_function_disabled(), deployed.without("RecordMessages", function=WEBHOOKS):
        assert post(deployed.webhook(ChannelType.EMAIL, body=text))[0] == 200
        make_dead(deployed, dead_letters_url)
    assert deployed.contexts("EMAIL_REPLIES") == []

    move_back(operator, dead_letters_url, deployed.settings["SPOOL_QUEUE_URL"])
    (context,) = eventually(lambda: deployed.contexts("EMAIL_REPLIES"))
    assert context["message"]["body"].startswith(text[:10])
    eventually(lambda: deployed.spooled() == 0)


def test_entry_that_is_moved_back_beside_its_copy_is_recorded_once(
    deployed: Deployed, operator: "SQSClient", dead_letters_url: str
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, body="Twice in the spool")
    with deployed.spool_function_disabled(), deployed.without("RecordMessages", function=WEBHOOKS):
        assert post(webhook)[0] == 200
        make_dead(deployed, dead_letters_url)
    assert post(webhook)[0] == 200
    move_back(operator, dead_letters_url, deployed.settings["SPOOL_QUEUE_URL"])
    eventually(lambda: deployed.spooled() == 0)
    assert len(deployed.contexts("SMS_REPLIES")) == 1


def test_role_that_is_not_named_may_not_write_to_the_spool(deployed: Deployed) -> None:
    everything = {"Sid": "All", "Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    variables = made_role(deployed, "frontdesk-StrangerRole", [everything])
    stranger = EmulatedAws({**deployed.settings, **variables}).sqs
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.send_message(
            QueueUrl=deployed.settings["SPOOL_QUEUE_URL"],
            MessageBody="Believe me",
            MessageGroupId="a",
            MessageDeduplicationId="b",
        )


def test_operator_who_moves_entries_may_write_to_no_other_queue(
    deployed: Deployed, operator: "SQSClient"
) -> None:
    url = deployed.settings["SMS_REPLIES_QUEUE_URL"]
    with pytest.raises(ClientError, match="AccessDenied"):
        operator.send_message(QueueUrl=url, MessageBody="Believe me")
