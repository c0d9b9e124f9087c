"""Each permission of the functions is needed: a test removes it and observes the failure."""

import json

import pytest
from botocore.exceptions import ClientError

from deploy.local import TLS_ONLY, claim_tls
from domain.channels import ChannelType
from tests.deployment.deployed import Deployed, eventually, post
from tests.deployment.translated import resources

WEBHOOKS, SPOOL, RELAY = "IncomingWebhookHandler", "DrainSpool", "RelayOutbox"
FILES = (("photo.png", "image/png", bytes(range(256))),)
LONG_TEXT = "long " * 60_000
"""Too long for an entry of the spool queue, and for a DynamoDB item."""


@pytest.mark.parametrize("sid", ["RouteContexts", "FindAndUpdateConversations"])
def test_message_stays_pending_without_the_permission_to_route_it(
    deployed: Deployed, sid: str
) -> None:
    text = f"Nobody can bring this on its way without {sid}"
    with deployed.without(sid):
        assert post(deployed.webhook(ChannelType.SMS, body=text))[0] == 200
    assert deployed.message_state(text) == "pending"

    deployed.make_due(text)
    assert deployed.relay() is None
    assert deployed.message_state(text) == "queued"
    bodies = {context["message"]["body"] for context in deployed.contexts("SMS_REPLIES")}
    assert bodies == {text}


@pytest.mark.parametrize("sid", ["FollowParticipants", "RecordMessages"])
def test_webhook_waits_in_the_spool_without_the_permission_for_a_table(
    deployed: Deployed, sid: str
) -> None:
    text = f"Not without {sid}"
    with deployed.spool_function_disabled(), deployed.without(sid, function=WEBHOOKS):
        assert post(deployed.webhook(ChannelType.SMS, body=text))[0] == 200
        assert deployed.spooled() == 1
        assert deployed.message_state(text) is None
    (context,) = eventually(lambda: deployed.contexts("SMS_REPLIES"))
    assert context["message"]["body"] == text


@pytest.mark.parametrize("sid", ["FindConversationsOfOtherSystems", "OpenConversations"])
def test_unknown_sender_waits_in_the_spool_without_permission_for_conversations(
    deployed: Deployed, sid: str
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, sender=f"+1415555{len(sid):04}")
    with deployed.spool_function_disabled(), deployed.without(sid, function=WEBHOOKS):
        assert post(webhook)[0] == 200
        assert deployed.spooled() == 1
    assert len(eventually(lambda: deployed.contexts("SMS_REPLIES"))) == 1


def test_mail_waits_in_the_spool_without_the_permission_to_store_its_file(
    deployed: Deployed,
) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, body="See the photo", attachments=FILES)
    sid = "KeepFilesAndLongTexts"
    with deployed.spool_function_disabled(), deployed.without(sid, function=WEBHOOKS):
        assert post(webhook)[0] == 200
        assert deployed.spooled() == 1
    (context,) = eventually(lambda: deployed.contexts("EMAIL_REPLIES"))
    assert context["message"]["attachments"][0]["filename"] == "photo.png"


def test_duplicate_waits_in_the_spool_without_the_permission_to_read_its_long_text(
    deployed: Deployed,
) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, body=LONG_TEXT)
    assert post(webhook)[0] == 200
    with (
        deployed.spool_function_disabled(),
        deployed.without("ReadLongTexts", function=WEBHOOKS),
    ):
        assert post(webhook)[0] == 200
        assert deployed.spooled() == 1
    eventually(lambda: deployed.spooled() == 0)
    assert len(deployed.contexts("EMAIL_REPLIES")) == 1


@pytest.mark.parametrize(
    ("sids", "body"),
    [(("Spool",), "Neither here nor there"), (("SpoolLargeRequests",), LONG_TEXT)],
    ids=["Spool", "SpoolLargeRequests"],
)
def test_webhook_receives_503_without_permissions_for_table_and_spool(
    deployed: Deployed, sids: tuple[str, ...], body: str
) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, body=body)
    with deployed.without("RecordMessages", *sids, function=WEBHOOKS):
        status, headers, response = post(webhook)
    assert (status, headers["Retry-After"]) == (503, "30")
    assert json.loads(response) == {"error": "Temporarily unavailable"}
    assert deployed.spooled() == 0

    assert post(webhook)[0] == 200
    assert len(deployed.contexts("EMAIL_REPLIES")) == 1


@pytest.mark.parametrize("sid", ["FindPending", "ReadAndUpdateMessages"])
def test_relay_fails_without_the_permission_to_read_messages(deployed: Deployed, sid: str) -> None:
    text = f"Nobody finds this without {sid}"
    with deployed.without("RouteContexts"):
        post(deployed.webhook(ChannelType.SMS, body=text))
    deployed.make_due(text)
    with deployed.without(sid):
        assert deployed.relay() == "Unhandled"
    assert deployed.message_state(text) == "pending"

    assert deployed.relay() is None
    assert len(deployed.contexts("SMS_REPLIES")) == 1


def test_message_stays_pending_without_the_permission_to_read_the_secret(
    deployed: Deployed,
) -> None:
    text = "Whose is this?"
    with deployed.without("RouteContexts"):
        post(deployed.webhook(ChannelType.SMS, body=text))
    deployed.make_due(text)
    with deployed.without("ReadSecrets", function=RELAY):
        deployed.restart(RELAY)
        deployed.relay()
    assert deployed.message_state(text) == "pending"

    deployed.restart(RELAY)
    deployed.make_due(text)
    deployed.relay()
    assert len(deployed.contexts("SMS_REPLIES")) == 1


def test_account_owner_may_not_write_to_the_spool(deployed: Deployed) -> None:
    url = deployed.settings["SPOOL_QUEUE_URL"]
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed.aws.sqs.send_message(
            QueueUrl=url, MessageBody="Believe me", MessageGroupId="a", MessageDeduplicationId="b"
        )


def test_queue_with_the_policy_of_the_template_takes_calls_with_tls_alone(
    deployed: Deployed,
) -> None:
    policy = resources("SQS::QueuePolicy")["QueuesPolicy"]["PolicyDocument"]
    assert [statement["Sid"] for statement in policy["Statement"]] == [TLS_ONLY]
    in_the_clear, with_tls = deployed.client("sqs"), deployed.client("sqs")
    with_tls.meta.events.register("before-call.sqs", claim_tls)
    url = deployed.settings["SMS_HANDOFF_QUEUE_URL"]
    in_the_clear.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    try:
        with pytest.raises(ClientError, match="AccessDenied"):
            in_the_clear.receive_message(QueueUrl=url, WaitTimeSeconds=0)
        with_tls.receive_message(QueueUrl=url, WaitTimeSeconds=0)
    finally:
        with_tls.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
