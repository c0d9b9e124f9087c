"""The webhook function under Lambda's runtime client, on DynamoDB, SQS and S3."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.channels import ChannelType
from tests.builders import SENDER
from tests.emulators import EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, an_event
from tests.entrypoints.aws_lambda.function_under_test import ACCOUNTS, a_webhook
from tests.entrypoints.aws_lambda.runtime_api import RuntimeApi, running, serving

SHAPE = "rest_api_stage"


class Deployed:
    """A running function, the settings it has, and the AWS that it stores in."""

    def __init__(self, api: RuntimeApi, environ: dict[str, str], aws: EmulatedAws) -> None:
        self.api = api
        self.environ = environ
        self.aws = aws

    def answer(self, channel: ChannelType, **changes: Any) -> dict[str, Any]:
        """The response to a webhook, as the API receives it."""
        webhook = a_webhook(channel, PUBLIC_URLS[SHAPE] + channel, **changes)
        kind, answer = self.api.invoke("request-1", an_event(SHAPE, webhook))
        assert kind == "response"
        return dict(answer)

    def contexts(self, queue_variable: str) -> list[dict[str, Any]]:
        """The contexts on a queue."""
        url = self.environ[queue_variable]
        received = self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]


@pytest.fixture
def function(ministack: EmulatedAws, tmp_path: Path) -> Iterator[Deployed]:
    environ = aws_settings(ministack) | ACCOUNTS | {"REPLY_DELAY_SECONDS": "0"}
    with serving() as api, running(api, environ, tmp_path / "log"):
        yield Deployed(api, environ, ministack)


@pytest.mark.parametrize("channel", ChannelType)
def test_signed_webhook_is_routed_and_tampered_webhook_is_refused(
    function: Deployed, channel: ChannelType
) -> None:
    assert function.answer(channel)["statusCode"] == 200
    assert function.answer(channel, tamper=True)["statusCode"] == 401

    (context,) = function.contexts(f"{channel.upper()}_REPLIES_QUEUE_URL")
    assert context["meta"]["channel_type"] == channel
    assert context["message"]["from"] == SENDER[channel]


def test_mail_attachment_is_stored_in_the_bucket(function: Deployed) -> None:
    content = bytes(range(256)) * 40
    files = (("photo.png", "image/png", content),)
    assert function.answer(ChannelType.EMAIL, attachments=files)["statusCode"] == 200

    (context,) = function.contexts("EMAIL_REPLIES_QUEUE_URL")
    (attachment,) = context["message"]["attachments"]
    bucket = function.environ["BLOBS_BUCKET"]
    key = attachment["reference"].removeprefix(f"s3://{bucket}/")
    stored = function.aws.s3.get_object(Bucket=bucket, Key=key)
    assert stored["Body"].read() == content


def test_webhook_receives_503_while_aws_does_not_respond(
    ministack: EmulatedAws, tmp_path: Path
) -> None:
    environ = aws_settings(ministack) | ACCOUNTS
    with socket.socket() as deaf, serving() as api:
        deaf.bind(("127.0.0.1", 0))
        environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with running(api, environ, tmp_path / "log"):
            answer = Deployed(api, environ, ministack).answer(ChannelType.SMS)

    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "30")
    assert json.loads(answer["body"]) == {"error": "Temporarily unavailable"}
