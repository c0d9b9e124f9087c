"""Twilio signs the URL that it was configured with, which a proxy may rewrite on the way."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from tests.builders import RECIPIENT
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import INVALID_SIGNATURE, SMS, TWIML, WHATSAPP

twilio_channels = pytest.mark.parametrize("channel", [SMS, WHATSAPP])


def posted(
    frontdesk: RunningFrontDesk, channel: ChannelType, path: str, signed: str
) -> tuple[int, str | None, bytes]:
    """The response to a webhook that was signed for one URL and posted to another."""
    webhook = frontdesk.providers.webhook(signed, channel)
    return frontdesk.post(replace(webhook, url=frontdesk.url(path))).shown


@twilio_channels
def test_path_of_the_public_base_url_precedes_the_path_that_a_proxy_passes_on(
    serve: Serve, channel: ChannelType
) -> None:
    frontdesk = serve({"PUBLIC_BASE_URL": "https://hooks.example.com/api"})
    path = f"/webhooks/{channel}"
    outside = f"https://hooks.example.com/api{path}"

    assert posted(frontdesk, channel, path, outside) == TWIML
    assert posted(frontdesk, channel, path + "?a=%20+", outside + "?a=%20+") == TWIML
    assert posted(frontdesk, channel, "/api" + path, outside) == TWIML
    for signed in (f"https://hooks.example.com{path}", f"https://hooks.example.com/API{path}"):
        assert posted(frontdesk, channel, path, signed) == INVALID_SIGNATURE


@pytest.mark.parametrize("signed", ["?ref=sip:12@acme.example", "?ref=sip%3A12%40acme.example"])
@pytest.mark.parametrize("settings", [{}, {"PUBLIC_BASE_URL": "https://hooks.example.com"}])
def test_query_that_twilio_signs_as_it_is_and_sends_escaped_is_verified(
    serve: Serve, settings: Mapping[str, str], signed: str
) -> None:
    frontdesk = serve(settings)
    start = settings.get("PUBLIC_BASE_URL", frontdesk.origin) + "/webhooks/sms"
    path = "/webhooks/sms?ref=sip%3A12%40acme.example"
    assert posted(frontdesk, SMS, path, start + signed) == TWIML
    assert posted(frontdesk, SMS, path + "x", start + signed) == INVALID_SIGNATURE
    assert posted(frontdesk, SMS, path, start + "?ref=sip:12@acme.example&a=") == INVALID_SIGNATURE


@twilio_channels
def test_whole_webhook_url_is_the_only_one_that_counts(serve: Serve, channel: ChannelType) -> None:
    whole = "https://hooks.example.com/in?name=Ana+Lopes&next=https://x.example/%c3%a9&debug"
    frontdesk = serve(
        {
            f"{channel}_WEBHOOK_URL".upper(): whole + "#rc=5&rp=all",
            "PUBLIC_BASE_URL": "https://hooks.example.com",
        }
    )
    path = f"/webhooks/{channel}"

    assert posted(frontdesk, channel, path, whole) == TWIML
    assert posted(frontdesk, channel, path + "?anything=else", whole) == TWIML
    for signed in (
        f"https://hooks.example.com{path}",
        frontdesk.url(path),
        whole.replace("+", "%20"),
        whole.replace("%c3", "%C3"),
        whole + "=",
    ):
        assert posted(frontdesk, channel, path, signed) == INVALID_SIGNATURE


def test_whole_webhook_url_of_one_channel_leaves_the_others_as_they_are(serve: Serve) -> None:
    frontdesk = serve({"SMS_WEBHOOK_URL": "https://hooks.example.com/in"})
    for channel in (WHATSAPP, ChannelType.EMAIL):
        assert frontdesk.post(frontdesk.webhook(channel)).status == 200


def test_request_that_is_posted_to_each_of_its_urls_is_one_message(serve: Serve) -> None:
    frontdesk = serve({"PUBLIC_BASE_URL": "https://hooks.example.com/api"})
    frontdesk.given_conversation(SMS)
    captured = frontdesk.providers.webhook("https://hooks.example.com/api/webhooks/sms", SMS)
    for path in ("/webhooks/sms", "/api/webhooks/sms"):
        assert frontdesk.post(replace(captured, url=frontdesk.url(path))).shown == TWIML
    assert [len(contexts) for contexts in frontdesk.contexts().values()] == [1]


def handled(caplog: pytest.LogCaptureFixture) -> Mapping[str, object]:
    """The fields of the only line about a webhook."""
    (record,) = (record for record in caplog.records if record.message == "webhook handled")
    return record.__dict__


def test_refusal_of_a_known_account_is_logged_with_reason_and_urls(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "application")
    frontdesk = serve({"PUBLIC_BASE_URL": "https://hooks.example.com/api"})
    path = "/api/webhooks/sms?name=Ana+Lopes&s3cret"
    signed = "https://hooks.example.com/webhooks/sms"
    assert posted(frontdesk, SMS, path, signed) == INVALID_SIGNATURE

    line = handled(caplog)
    assert (line["outcome"], line["reason"]) == ("refused", "signature_mismatch")
    assert line["tried_urls"] == (
        "https://hooks.example.com/api/webhooks/sms?name=*&* "
        "https://hooks.example.com/api/api/webhooks/sms?name=*&* "
        "https://hooks.example.com:443/api/webhooks/sms?name=*&* "
        "https://hooks.example.com:443/api/api/webhooks/sms?name=*&*"
    )


def without_signature(webhook: SimulatedRequest) -> SimulatedRequest:
    headers = {
        name: text for name, text in webhook.headers.items() if "signature" not in name.lower()
    }
    return replace(webhook, headers=headers)


def test_missing_signature_of_a_known_account_is_logged_as_missing(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "application")
    frontdesk = serve()
    webhook = without_signature(frontdesk.webhook(SMS))
    assert frontdesk.post(webhook).shown == INVALID_SIGNATURE
    assert handled(caplog)["reason"] == "signature_missing"


def test_refusal_of_an_unknown_account_is_logged_without_a_reason(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "application")
    frontdesk = serve()
    stranger = Providers.numbered(9).webhook(frontdesk.url(SMS), SMS)
    assert frontdesk.post(stranger).shown == INVALID_SIGNATURE
    assert not {"reason", "tried_urls"} & handled(caplog).keys()


def test_company_with_several_twilio_accounts_receives_the_messages_of_each(
    serve: Serve, tmp_path: Path
) -> None:
    main, sub, other = (Providers.numbered(number) for number in (1, 2, 3))

    def account(providers: Providers) -> dict[str, object]:
        return {"account_sid": providers.account_sid, "auth_tokens": [providers.auth_token]}

    file = tmp_path / "tenants.json"
    tenants = [
        {
            "company_id": "acme",
            "recipients": [RECIPIENT[SMS]],
            "twilio": [account(main), account(sub)],
        },
        {"company_id": "brill", "recipients": ["+15005550099"], "twilio": account(other)},
    ]
    file.write_text(json.dumps({"tenants": tenants}))
    frontdesk = serve({"TENANTS": f"file:{file}", "FALLBACK_MAX_PER_HOUR": "0"})
    frontdesk.given_conversation(SMS, company_id="acme")

    for providers, body in ((main, "to main"), (sub, "to sub"), (other, "stolen")):
        webhook = providers.webhook(frontdesk.url(SMS), SMS, body=body)
        assert frontdesk.post(webhook).shown == TWIML
    (contexts,) = frontdesk.contexts().values()
    assert [context.message.body for context in contexts] == ["to main", "to sub"]
    assert {context.company.company_id for context in contexts} == {"acme"}
    assert [message.body for message in frontdesk.unmatched()] == ["stolen"]
