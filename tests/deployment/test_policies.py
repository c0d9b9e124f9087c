"""Each permission of the function is needed: without it, what it is for does not happen."""

import json

import pytest
from botocore.exceptions import ClientError

from domain.addresses import ChannelType
from tests.deployment.deployed import Deployed, post

FILES = (("photo.png", "image/png", bytes(range(256))),)


def test_without_sending_a_message_is_recorded_and_stays_pending(deployed: Deployed) -> None:
    text = "Nobody may send this on"
    with deployed.without("RouteContexts"):
        assert post(deployed.webhook(ChannelType.SMS, body=text))[0] == 200
    assert deployed.message_states()[text] == "pending"
    assert deployed.contexts("SMS_REPLIES") == []


def test_without_updating_the_conversation_a_message_stays_pending(deployed: Deployed) -> None:
    text = "Nobody may know when this came"
    with deployed.without("FindAndUpdateConversations"):
        assert post(deployed.webhook(ChannelType.SMS, body=text))[0] == 200
    assert deployed.message_states()[text] == "pending"


@pytest.mark.parametrize("sid", ["FollowParticipants", "RecordMessages"])
def test_without_a_table_nothing_is_recorded_and_the_provider_tries_again(
    deployed: Deployed, sid: str
) -> None:
    text = f"Not without {sid}"
    with deployed.without(sid):
        status, headers, body = post(deployed.webhook(ChannelType.SMS, body=text))
    assert (status, headers["Retry-After"]) == (503, "30")
    assert json.loads(body) == {"error": "Temporarily unavailable"}
    assert text not in deployed.message_states()


@pytest.mark.parametrize("sid", ["FindConversationsOfOtherSystems", "OpenConversations"])
def test_without_looking_and_opening_an_unknown_sender_has_to_come_again(
    deployed: Deployed, sid: str
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, sender=f"+1415555{len(sid):04}")
    with deployed.without(sid):
        assert post(webhook)[0] == 503
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("SMS_REPLIES")) == 1


def test_without_the_bucket_no_file_is_lost(deployed: Deployed) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, body="See the photo", attachments=FILES)
    with deployed.without("KeepBlobsAndDeadLetters"):
        assert post(webhook)[0] == 503
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("EMAIL_REPLIES")) == 1


def test_without_reading_long_texts_a_duplicate_of_one_is_not_known(deployed: Deployed) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, body="long " * 40_000)
    assert post(webhook)[0] == 200
    with deployed.without("ReadLongTexts"):
        assert post(webhook)[0] == 503
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("EMAIL_REPLIES")) == 1


def test_nobody_but_the_function_may_spool(deployed: Deployed) -> None:
    url = deployed.settings["SPOOL_QUEUE_URL"]
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed.aws.sqs.send_message(
            QueueUrl=url, MessageBody="Believe me", MessageGroupId="a", MessageDeduplicationId="b"
        )
