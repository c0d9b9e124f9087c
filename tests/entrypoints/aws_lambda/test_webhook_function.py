"""Webhooks of every channel in events of every shape."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.channels import ChannelType
from entrypoints.public_urls import PublicUrls
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, SHAPES, an_event
from tests.entrypoints.aws_lambda.function_under_test import LambdaFrontDesk, a_webhook

TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
RESPONSES = {
    ChannelType.WHATSAPP: ("text/xml", TWIML),
    ChannelType.SMS: ("text/xml", TWIML),
    ChannelType.EMAIL: ("application/json", '{"success": true}'),
}
each_shape = pytest.mark.parametrize("shape", SHAPES)
each_channel = pytest.mark.parametrize("channel", ChannelType)


def headers_of(response: dict[str, Any]) -> dict[str, str]:
    """The headers of a response, in single-value or multi-value form."""
    single: dict[str, str] = response.get("headers", {})
    several: dict[str, list[str]] = response.get("multiValueHeaders", {})
    return {**single, **{name: values[0] for name, values in several.items()}}


def error_of(response: dict[str, Any]) -> tuple[int, str]:
    """Status and text of a refusal."""
    assert headers_of(response)["Content-Type"] == "application/json"
    body = json.loads(response["body"])
    assert list(body) == ["error"]
    return response["statusCode"], body["error"]


@each_shape
@each_channel
@pytest.mark.parametrize("as_base64", [True, False])
def test_signed_webhook_is_acknowledged_and_routed(
    frontdesk: LambdaFrontDesk, shape: str, channel: ChannelType, as_base64: bool
) -> None:
    request = a_webhook(channel, PUBLIC_URLS[shape] + channel, body="Olá, is it coming?")
    response = frontdesk(an_event(shape, request, as_base64=as_base64))

    content_type, body = RESPONSES[channel]
    assert (response["statusCode"], response["body"]) == (200, body)
    assert response["isBase64Encoded"] is False
    assert headers_of(response)["Content-Type"].startswith(content_type)
    (context,) = frontdesk.contexts()
    assert context.channel_type is channel
    assert context.message.body.strip() == "Olá, is it coming?"


@each_shape
@each_channel
def test_tampered_webhook_is_refused(
    frontdesk: LambdaFrontDesk, shape: str, channel: ChannelType
) -> None:
    request = a_webhook(channel, PUBLIC_URLS[shape] + channel, tamper=True)

    assert error_of(frontdesk(an_event(shape, request))) == (401, "Invalid signature")
    assert frontdesk.contexts() == []


@each_shape
def test_path_without_a_channel_is_refused_with_404(frontdesk: LambdaFrontDesk, shape: str) -> None:
    request = a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "voice")
    assert error_of(frontdesk(an_event(shape, request))) == (404, "Unsupported channel")


@each_shape
def test_method_other_than_post_is_refused_with_405(frontdesk: LambdaFrontDesk, shape: str) -> None:
    request = a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms")
    response = frontdesk(an_event(shape, request, method="GET"))

    assert error_of(response) == (405, "Method not allowed")
    assert headers_of(response)["Allow"] == "POST"


@each_shape
def test_query_string_is_part_of_the_signed_url(frontdesk: LambdaFrontDesk, shape: str) -> None:
    query = "?source=a%20b%2Fc&empty=&x=%C3%A9&tag=1&tag=2"
    request = a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms" + query)
    if shape == "load_balancer":  # passes on one value of each parameter
        request = a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms?source=a%20b%2Fc&empty=")
    event = an_event(shape, request)

    assert frontdesk(event)["statusCode"] == 200
    for name in ("rawQueryString", "queryStringParameters", "multiValueQueryStringParameters"):
        event.pop(name, None)
    assert error_of(frontdesk(event)) == (401, "Invalid signature")


@each_shape
def test_mail_attachment_is_stored_with_all_its_bytes(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    content = bytes(range(256)) * 40
    request = a_webhook(
        ChannelType.EMAIL,
        PUBLIC_URLS[shape] + "email",
        attachments=(("photo.png", "image/png", content),),
    )
    assert frontdesk(an_event(shape, request))["statusCode"] == 200

    (context,) = frontdesk.contexts()
    (attachment,) = context.message.attachments
    assert (attachment.filename, attachment.size_bytes) == ("photo.png", len(content))


@each_shape
def test_event_without_a_body_is_refused_as_an_invalid_signature(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    event = an_event(shape, a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms"))
    absent = {name: value for name, value in event.items() if name != "body"}

    for incomplete in (event | {"body": None}, event | {"body": ""}, absent):
        assert error_of(frontdesk(incomplete)) == (401, "Invalid signature")


@each_shape
@pytest.mark.parametrize("body", ["not base64!", "YQ", "\ud800", 7, {"From": "+14155550123"}])
def test_event_with_an_unreadable_body_is_refused_as_an_invalid_signature(
    frontdesk: LambdaFrontDesk, shape: str, body: object
) -> None:
    event = an_event(shape, a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms"))
    assert error_of(frontdesk(event | {"body": body})) == (401, "Invalid signature")
    assert error_of(frontdesk(event | {"body": body, "isBase64Encoded": False}))[0] == 401


@pytest.mark.parametrize(
    "event",
    [
        None,
        "text",
        7,
        [],
        {},
        {"requestContext": None},
        {"requestContext": {"http": None, "elb": None}},
        {"requestContext": {"http": "POST"}, "rawPath": 7},
        {"requestContext": {"path": ["sms"]}, "httpMethod": "POST", "headers": "none"},
        {"requestContext": {"elb": {}}, "path": None, "httpMethod": "POST"},
        {"Records": [{"eventSource": "aws:sqs", "body": "x"}]},
        {"httpMethod": "POST", "path": "\ud800", "headers": {"Host": "["}},
        {"httpMethod": "POST", "path": "/sms", "headers": {"Host": "[x"}},
    ],
)
def test_event_that_is_no_http_request_is_refused_with_404(
    frontdesk: LambdaFrontDesk, event: object
) -> None:
    assert error_of(frontdesk(event)) == (404, "Unsupported channel")


def test_body_over_the_limit_is_refused_with_413(frontdesk: LambdaFrontDesk) -> None:
    url = PUBLIC_URLS["http_api_default_stage"] + "sms"
    request = a_webhook(ChannelType.SMS, url, body="x" * 1024 * 1024)
    response = frontdesk(an_event("http_api_default_stage", request))
    assert error_of(response) == (413, "Payload too large")


@pytest.mark.parametrize("shape", ["rest_api_stage", "http_api_named_stage"])
def test_configured_base_url_replaces_the_origin_of_the_event(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    base_url = "https://webhooks.acme.example:8443"
    function = replace(frontdesk.function, public_urls=PublicUrls(base_url))
    path = urlsplit(PUBLIC_URLS[shape]).path
    event = an_event(shape, a_webhook(ChannelType.SMS, f"{base_url}{path}sms"))

    assert function(event)["statusCode"] == 200


def test_duplicate_webhook_receives_the_same_response_and_is_routed_once(
    frontdesk: LambdaFrontDesk,
) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "whatsapp"
    event = an_event("rest_api_stage", a_webhook(ChannelType.WHATSAPP, url))

    assert frontdesk(event) == frontdesk(event)
    assert len(frontdesk.contexts()) == 1


def test_repeated_signature_header_is_refused(frontdesk: LambdaFrontDesk) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    event = an_event("rest_api_stage", a_webhook(ChannelType.SMS, url))
    event["multiValueHeaders"]["x-twilio-signature"] = ["AAAAAAAAAAAAAAAAAAAAAAAAAAA="]

    assert error_of(frontdesk(event)) == (401, "Invalid signature")


def test_load_balancer_receives_the_header_format_of_its_event(frontdesk: LambdaFrontDesk) -> None:
    single, several = (
        frontdesk(an_event(shape, a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "voice")))
        for shape in ("load_balancer", "load_balancer_multi_value")
    )
    assert single["statusDescription"] == "404 Not Found"
    assert single["headers"] == {"Content-Type": "application/json"}
    assert several["multiValueHeaders"] == {"Content-Type": ["application/json"]}
    assert "headers" not in several


def test_every_log_line_has_the_request_id_of_its_invocation(frontdesk: LambdaFrontDesk) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    event = an_event("rest_api_stage", a_webhook(ChannelType.SMS, url))
    frontdesk.function(event, "one")
    frontdesk.function({}, "two")
    frontdesk.function({})

    ids = [line.get("aws_request_id") for line in frontdesk.log_lines()]
    assert list(dict.fromkeys(ids)) == ["one", "two", None]


def test_each_invocation_writes_its_metrics(
    frontdesk: LambdaFrontDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    frontdesk(an_event("rest_api_stage", a_webhook(ChannelType.SMS, url, tamper=True)))
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())

    assert line["VerificationFailures"] == line["WebhooksReceived"] == 1
    assert (line["channel"], line["outcome"]) == ("sms", "refused")
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Frontdesk/dev"
