"""Webhooks of every kind to the deployed stage, whose policies are enforced."""

import json

import pytest

from domain.channels import ChannelType
from entrypoints.simulation.demo import DEMO_SENDERS
from tests.deployment.deployed import Deployed, post
from tests.processes import run


def run_frontdesk(deployed: Deployed, *arguments: str) -> str:
    """The output of the command with the settings exported for the shell."""
    done = run(*arguments, environ=deployed.settings)
    done.check_returncode()
    return done.stdout


@pytest.mark.parametrize("channel", ChannelType)
def test_signed_webhook_is_recorded_and_routed(deployed: Deployed, channel: ChannelType) -> None:
    text = f"A question by {channel}"
    status, _, _ = post(deployed.webhook(channel, body=text))
    assert status == 200

    (context,) = deployed.contexts(f"{channel.upper()}_REPLIES")
    assert context["message"]["body"].strip() == text
    assert context["message"]["from"] == DEMO_SENDERS[channel]
    assert context["company"]["company_id"] == "demo"
    assert deployed.message_states()[text] == "queued"


@pytest.mark.parametrize("channel", ChannelType)
def test_tampered_webhook_is_refused_and_nothing_is_stored(
    deployed: Deployed, channel: ChannelType
) -> None:
    text = f"A lie by {channel}"
    status, _, body = post(deployed.webhook(channel, body=text, tamper=True))
    assert (status, json.loads(body)) == (401, {"error": "Invalid signature"})
    assert text not in deployed.message_states()
    assert deployed.contexts(f"{channel.upper()}_REPLIES") == []


def test_duplicate_webhooks_receive_the_same_response_and_are_routed_once(
    deployed: Deployed,
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, body="Only once")
    answers = [post(webhook) for _ in range(3)]
    assert {(status, body) for status, _, body in answers} == {(200, answers[0][2])}
    assert len(deployed.contexts("SMS_REPLIES")) == 1


def test_webhook_after_a_hand_off_is_on_the_handoff_queue(deployed: Deployed) -> None:
    records = run_frontdesk(deployed, "conversations", "list", "--json").splitlines()
    (conversation,) = [
        record["conversation_id"]
        for record in map(json.loads, records)
        if record["primary_channel"] == ChannelType.WHATSAPP
    ]
    run_frontdesk(deployed, "conversations", "hand-off", conversation, "on")
    post(deployed.webhook(ChannelType.WHATSAPP, body="A human, please"))
    run_frontdesk(deployed, "conversations", "hand-off", conversation, "off")

    (context,) = deployed.contexts("WHATSAPP_HANDOFF")
    assert context["conversation"]["hand_off_to_human"]
    assert deployed.contexts("WHATSAPP_REPLIES") == []


def test_mail_attachment_is_stored_unchanged_in_the_bucket(deployed: Deployed) -> None:
    content = bytes(range(256)) * 40
    files = (("photo.png", "image/png", content),)
    assert post(deployed.webhook(ChannelType.EMAIL, attachments=files))[0] == 200

    (context,) = deployed.contexts("EMAIL_REPLIES")
    (attachment,) = context["message"]["attachments"]
    bucket = deployed.settings["BLOBS_BUCKET"]
    key = attachment["reference"].removeprefix(f"s3://{bucket}/")
    assert deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == content


def test_default_url_of_the_api_reaches_the_same_function(deployed: Deployed) -> None:
    (api,) = deployed.client("apigateway").get_rest_apis()["items"]
    own = f"{deployed.settings['AWS_ENDPOINT_URL']}/_aws/execute-api/{api['id']}/local/webhooks/sms"
    assert post(deployed.webhook(ChannelType.SMS, body="By another way"), own)[0] == 200
    assert len(deployed.contexts("SMS_REPLIES")) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_method_other_than_post_is_refused_with_405(deployed: Deployed, method: str) -> None:
    status, headers, body = post(deployed.webhook(ChannelType.SMS), method=method)
    assert (status, headers["Allow"]) == (405, "POST")
    assert json.loads(body).keys() == {"error"}


def test_unknown_channel_is_refused_with_404(deployed: Deployed) -> None:
    webhook = deployed.webhook(ChannelType.SMS)
    status, _, body = post(webhook, webhook.url.replace("/sms", "/fax"))
    assert (status, json.loads(body)) == (404, {"error": "Unsupported channel"})


def test_doctor_reports_no_problem_in_the_deployed_stage(deployed: Deployed) -> None:
    check_results = map(json.loads, run_frontdesk(deployed, "doctor", "--json").splitlines())
    statuses = {result["check"]: result["status"] for result in check_results}
    assert statuses.keys() >= {"secrets", "tables", "queues", "bucket"}
    assert {*statuses.values()} == {"ok", "skipped"}
