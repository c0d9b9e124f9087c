"""Twilio signs the URL that an operator configured. Events show it in part, or decoded."""

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.channels import ChannelType
from entrypoints.public_urls import PublicUrls
from infrastructure.channels.provider import SimulatedRequest
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, SHAPES, an_event
from tests.entrypoints.aws_lambda.function_under_test import ACCOUNT_SID, LambdaFrontDesk, a_webhook

REST_SHAPES = [shape for shape in SHAPES if shape.startswith("rest_api")]
BALANCERS = [shape for shape in SHAPES if shape.startswith("load_balancer")]
CONFIGURED = [
    "?name=Ana+Lopes",
    "?name=Ana%20Lopes",
    "?ref=sip:12@acme.example",
    "?ref=sip%3A12%40acme.example",
    "?debug",
    "?debug=",
    "?next=https://x.example/a",
    "?next=https%3A%2F%2Fx.example%2Fa",
    "?name=Ana+Lopes&ref=sip:12@acme.example&debug&next=https://x.example/a",
]


def status(frontdesk: LambdaFrontDesk, event: dict[str, Any]) -> int:
    return int(frontdesk(event)["statusCode"])


def posted_to(url: str, signed: str, **wanted: Any) -> SimulatedRequest:
    """A webhook that arrives at ``url``, signed for another one."""
    return replace(a_webhook(ChannelType.SMS, signed, **wanted), url=url)


@pytest.mark.parametrize("shape", REST_SHAPES)
@pytest.mark.parametrize("query", CONFIGURED)
def test_webhook_url_with_a_query_is_verified_although_the_event_has_it_decoded(
    frontdesk: LambdaFrontDesk, shape: str, query: str
) -> None:
    request = a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms" + query)
    assert status(frontdesk, an_event(shape, request)) == 200
    assert len(frontdesk.contexts()) == 1


@pytest.mark.parametrize("shape", BALANCERS)
@pytest.mark.parametrize("query", ["?debug", "?debug=", "?a=b+c&debug", "?a=b%20c&debug="])
def test_parameter_without_value_is_verified_behind_a_load_balancer(
    frontdesk: LambdaFrontDesk, shape: str, query: str
) -> None:
    request = a_webhook(ChannelType.SMS, PUBLIC_URLS[shape] + "sms" + query)
    assert status(frontdesk, an_event(shape, request)) == 200


@pytest.mark.parametrize("query", ["?name=Ana", "?name=Ana+Lopez", "", "?name=Ana+Lopes&debug"])
def test_webhook_signed_for_another_query_is_refused(
    frontdesk: LambdaFrontDesk, query: str
) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    request = posted_to(url + "?name=Ana+Lopes", url + query)
    assert status(frontdesk, an_event("rest_api_stage", request)) == 401


def test_disguises_of_one_captured_request_are_one_dead_letter(frontdesk: LambdaFrontDesk) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    captured = a_webhook(ChannelType.SMS, url + "?name=Ana+Lopes&ref=a:b")
    fields = captured.body.replace(b"MessageSid=", b"MessageSi=d")
    disguises = [
        "?name=Ana+Lopes&ref=a:b",
        "?name=Ana%20Lopes&ref=a%3Ab",
        "?ref=a%3ab&name=Ana+Lopes",
    ]
    for query in disguises:
        request = replace(captured, url=url + query, body=fields)
        assert status(frontdesk, an_event("rest_api_stage", request)) == 200
    assert len(tuple(frontdesk.container.dead_letters().each_dead_letter())) == 1


def test_dead_letter_has_the_url_that_was_signed(frontdesk: LambdaFrontDesk) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms?name=Ana+Lopes&debug"
    captured = a_webhook(ChannelType.SMS, url)
    request = replace(captured, body=captured.body.replace(b"MessageSid=", b"MessageSi=d"))
    assert status(frontdesk, an_event("rest_api_stage", request)) == 200
    (dead_letter,) = frontdesk.container.dead_letters().each_dead_letter()
    assert dead_letter.webhook
    assert dead_letter.webhook.request.url == url


@pytest.mark.parametrize("shape", SHAPES)
def test_path_of_the_base_url_precedes_that_of_the_event(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    reached = PUBLIC_URLS[shape] + "sms"
    path = urlsplit(reached).path
    function = replace(frontdesk.function, public_urls=PublicUrls("https://cdn.acme.example/api"))
    for signed, expected in (
        (f"https://cdn.acme.example/api{path}", 200),
        (f"https://cdn.acme.example{path}", 401),
        (reached, 401),
    ):
        event = an_event(shape, posted_to(reached, signed))
        assert function(event)["statusCode"] == expected


@pytest.mark.parametrize("shape", REST_SHAPES)
def test_stage_in_the_base_url_and_in_the_path_counts_once(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    url = PUBLIC_URLS[shape] + "sms"
    base_url = url.removesuffix("/webhooks/sms")
    function = replace(frontdesk.function, public_urls=PublicUrls(base_url))
    assert function(an_event(shape, a_webhook(ChannelType.SMS, url)))["statusCode"] == 200


@pytest.mark.parametrize("shape", ["rest_api_stage", "http_api_named_stage"])
@pytest.mark.parametrize("base_url", ["https://cdn.acme.example", "https://cdn.acme.example/api"])
def test_cdn_may_add_the_stage_on_the_way(
    frontdesk: LambdaFrontDesk, shape: str, base_url: str
) -> None:
    reached = PUBLIC_URLS[shape] + "sms?a=b+c"
    event = an_event(shape, posted_to(reached, f"{base_url}/webhooks/sms?a=b+c"))
    for used, expected in ((base_url, 200), (None, 401), ("https://other.example", 401)):
        function = replace(frontdesk.function, public_urls=PublicUrls(used))
        assert function(event)["statusCode"] == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_query_that_twilio_signs_as_it_is_and_sends_escaped_is_verified(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    url = PUBLIC_URLS[shape] + "sms"
    sent = f"{url}?ref=sip%3A12%40acme.example"
    for query, expected in (("?ref=sip:12@acme.example", 200), ("?ref=sip:12@acme.exampl", 401)):
        event = an_event(shape, posted_to(sent, url + query))
        assert status(frontdesk, event) == expected


def test_channel_is_named_by_the_path_of_the_event_alone(frontdesk: LambdaFrontDesk) -> None:
    function = replace(frontdesk.function, public_urls=PublicUrls("https://acme.example/sms"))
    event = an_event("rest_api_stage", a_webhook(ChannelType.SMS, "https://acme.example/voice"))
    assert function(event)["statusCode"] == 404


@pytest.mark.parametrize("shape", SHAPES)
def test_whole_webhook_url_is_the_only_one_that_counts(
    frontdesk: LambdaFrontDesk, shape: str
) -> None:
    reached = PUBLIC_URLS[shape] + "sms?name=Ana+Lopes%20x"
    whole = "https://acme.example/in?name=Ana+Lopes%20x"
    public_urls = PublicUrls(webhook_urls={ChannelType.SMS: whole})
    function = replace(frontdesk.function, public_urls=public_urls)
    for signed, expected in ((whole, 200), (reached, 401), (whole.replace("+", "%20"), 401)):
        event = an_event(shape, posted_to(reached, signed))
        assert function(event)["statusCode"] == expected


def test_refusal_of_a_known_account_is_logged_with_reason_and_urls(
    frontdesk: LambdaFrontDesk,
) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    request = posted_to(url + "?name=Ana+Lopes&s3cret", url)
    assert status(frontdesk, an_event("rest_api_stage", request)) == 401

    (line,) = (line for line in frontdesk.log_lines() if line["message"] == "webhook handled")
    assert (line["outcome"], line["status"]) == ("refused", 401)
    assert line["reason"] == "signature_mismatch"
    tried = line["tried_urls"]
    assert tried.startswith(f"{url}?name=*&s3cret=* {url}?name=*&* ")
    assert "Ana" not in tried
    assert len(tried) <= 300


def test_hostile_query_costs_little_and_is_refused(frontdesk: LambdaFrontDesk) -> None:
    url = PUBLIC_URLS["rest_api_stage"] + "sms"
    values = "&".join(f"{name}={'/:@!$ ' * 10}" for name in "abcd")
    request = a_webhook(ChannelType.SMS, url, body="x" * 900_000, tamper=True)
    assert ACCOUNT_SID.encode() in request.body
    event = an_event("rest_api_stage", replace(request, url=f"{url}?{values}"))
    started = time.process_time()
    assert status(frontdesk, event) == 401
    assert time.process_time() - started < 1
