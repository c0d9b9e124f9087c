"""The spool and the relay of the deployed stage."""

import pytest

from domain.channels import ChannelType
from tests.deployment.deployed import Deployed, eventually, post


@pytest.mark.parametrize("channel", ChannelType)
def test_webhooks_wait_in_the_spool_while_the_store_is_down(
    deployed: Deployed, channel: ChannelType
) -> None:
    text = f"The store is down, says {channel}"
    with deployed.spool_function_disabled():
        with deployed.without("FollowParticipants", "RecordMessages"):
            assert post(deployed.webhook(channel, body=text))[0] == 200
            assert deployed.spooled() == 1
        assert deployed.message_state(text) is None

    (context,) = eventually(lambda: deployed.contexts(f"{channel.upper()}_REPLIES"))
    assert context["message"]["body"].strip() == text
    assert deployed.message_state(text) == "queued"
    eventually(lambda: deployed.spooled() == 0)


def test_webhook_that_fails_again_stays_in_the_spool_until_it_succeeds(deployed: Deployed) -> None:
    text = "Still down"
    with deployed.without("RecordMessages"):
        assert post(deployed.webhook(ChannelType.SMS, body=text))[0] == 200
        eventually(lambda: "released" in deployed.log("DrainSpool"))
        assert deployed.spooled() == 1
    assert len(eventually(lambda: deployed.contexts("SMS_REPLIES"))) == 1
    eventually(lambda: deployed.spooled() == 0)


def test_mail_too_large_for_the_spool_queue_waits_in_the_bucket(deployed: Deployed) -> None:
    files = (("photo.png", "image/png", bytes(range(256)) * 1200),)
    webhook = deployed.webhook(ChannelType.EMAIL, body="A large photo", attachments=files)
    with (
        deployed.spool_function_disabled(),
        deployed.without("RecordMessages", function="IncomingWebhookHandler"),
    ):
        assert post(webhook)[0] == 200
        assert deployed.spooled() == 1
    (context,) = eventually(lambda: deployed.contexts("EMAIL_REPLIES"))
    assert context["message"]["attachments"][0]["size_bytes"] == len(files[0][2])


def test_pending_message_is_published_once_by_repeated_relays(deployed: Deployed) -> None:
    webhook = deployed.webhook(ChannelType.WHATSAPP, body="Recorded, and no more")
    with deployed.without("RouteContexts"):
        assert [post(webhook)[0] for _ in range(2)] == [200, 200]
    deployed.make_due("Recorded, and no more")
    assert [deployed.relay() for _ in range(2)] == [None, None]
    assert len(deployed.contexts("WHATSAPP_REPLIES")) == 1
