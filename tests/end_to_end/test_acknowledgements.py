"""Webhooks acknowledged with 200, and how each is processed."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from tests.builders import RECIPIENT, SENDER
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk, on_aws_too
from tests.end_to_end.responses import (
    ACKNOWLEDGED,
    EMAIL,
    INVALID_SIGNATURE,
    SMS,
    TWIML,
    WHATSAPP,
    every_channel,
)
from tests.infrastructure.channels.sendgrid.webhooks import a_field

pytestmark = on_aws_too

Make = Callable[[RunningFrontDesk], SimulatedRequest]


# 200: recorded, or a duplicate


@every_channel
def test_recorded_message_and_its_duplicates_receive_the_same_response(
    frontdesk: RunningFrontDesk, channel: ChannelType
) -> None:
    frontdesk.given_conversation(channel)
    webhook = frontdesk.webhook(channel)

    responses = [frontdesk.post(webhook).shown for _ in range(3)]

    assert responses == [ACKNOWLEDGED[channel]] * 3
    assert {queue: len(found) for queue, found in frontdesk.contexts().items()} == {
        f"{channel}-replies": 1
    }


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        ("/prod/v1/Webhooks/SMS", SMS),
        ("/webhooks/sms?tenant=acme", SMS),
        ("/email/webhooks/whatsapp/", WHATSAPP),
        ("/EMAIL", EMAIL),
    ],
)
def test_last_path_segment_that_names_a_channel_decides_the_channel(
    frontdesk: RunningFrontDesk, path: str, channel: ChannelType
) -> None:
    frontdesk.given_conversation(channel)
    webhook = frontdesk.providers.webhook(frontdesk.url(path), channel)
    assert frontdesk.post(webhook).shown == ACKNOWLEDGED[channel]
    assert list(frontdesk.contexts()) == [f"{channel}-replies"]


@pytest.mark.parametrize(("path", "channel"), [(SMS, WHATSAPP), (WHATSAPP, SMS)])
def test_prefix_of_the_sender_decides_between_whatsapp_and_sms(
    frontdesk: RunningFrontDesk, path: ChannelType, channel: ChannelType
) -> None:
    frontdesk.given_conversation(channel)
    assert frontdesk.post(frontdesk.providers.webhook(frontdesk.url(path), channel)).shown == TWIML
    assert list(frontdesk.contexts()) == [f"{channel}-replies"]


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
def test_twilio_signature_is_checked_against_the_public_base_url(
    serve: Serve, channel: ChannelType
) -> None:
    frontdesk = serve({"PUBLIC_BASE_URL": "https://hooks.example.com"})
    public = frontdesk.providers.webhook(f"https://hooks.example.com/webhooks/{channel}", channel)

    assert frontdesk.post(replace(public, url=frontdesk.url(channel))).shown == TWIML
    assert frontdesk.post(frontdesk.webhook(channel)).shown == INVALID_SIGNATURE


# 200: an unknown sender


@every_channel
def test_message_from_an_unknown_sender_is_recorded_and_receives_one_fallback(
    frontdesk: RunningFrontDesk, channel: ChannelType
) -> None:
    responses = [
        frontdesk.post(frontdesk.webhook(channel, body=body)).shown for body in ("One", "Two")
    ]

    assert responses == [ACKNOWLEDGED[channel]] * 2
    assert [message.body for message in frontdesk.unmatched()] == ["One", "Two"]
    (fallback,) = (frontdesk.data_dir / "fallbacks.jsonl").read_text().splitlines()
    assert json.loads(fallback)["to"].removeprefix("whatsapp:") == SENDER[channel]


SUPPRESSED: dict[str, tuple[ChannelType, dict[str, Any]]] = {
    "a word that ends the subscription": (SMS, {"body": "stop"}),
    "an opt-out that Twilio handled": (
        WHATSAPP,
        {"body": "No more", "more": {"OptOutType": "STOP"}},
    ),
    "a short code": (SMS, {"sender": "28849"}),
    "a sender without a number": (SMS, {"sender": "ACME"}),
    "a machine's mailbox": (EMAIL, {"sender": "mailer-daemon@example.com"}),
    "mail from an unauthenticated author": (EMAIL, {"spf": "fail", "dkim": "none"}),
    "a sender that is the recipient": (EMAIL, {"sender": RECIPIENT[EMAIL]}),
}


@pytest.mark.parametrize(("channel", "wanted"), SUPPRESSED.values(), ids=SUPPRESSED)
def test_message_from_a_sender_excluded_from_fallbacks_is_only_recorded(
    frontdesk: RunningFrontDesk, channel: ChannelType, wanted: dict[str, Any]
) -> None:
    assert frontdesk.post(frontdesk.webhook(channel, **wanted)).shown == ACKNOWLEDGED[channel]
    assert len(frontdesk.unmatched()) == 1
    assert not (frontdesk.data_dir / "fallbacks.jsonl").exists()


# 200: authentic, but unreadable


def a_form(frontdesk: RunningFrontDesk) -> dict[str, str]:
    """The smallest form of a message."""
    return {
        "MessageSid": "SM" + "1" * 32,
        "AccountSid": frontdesk.providers.account_sid,
        "From": SENDER[SMS],
        "To": RECIPIENT[SMS],
    }


def _form_without(field: str) -> Make:
    def make(frontdesk: RunningFrontDesk) -> SimulatedRequest:
        fields = {name: value for name, value in a_form(frontdesk).items() if name != field}
        return frontdesk.providers.form(frontdesk.url(SMS), fields)

    return make


UNREADABLE: dict[str, tuple[ChannelType, Make]] = {
    "a form without MessageSid": (SMS, _form_without("MessageSid")),
    "a form without From": (WHATSAPP, _form_without("From")),
    "a number with control characters": (
        SMS,
        lambda frontdesk: frontdesk.webhook(SMS, sender="+1\x00415"),
    ),
    "mail without an author": (EMAIL, lambda frontdesk: frontdesk.webhook(EMAIL, sender="nobody")),
    "mail without anything": (
        EMAIL,
        lambda frontdesk: frontdesk.providers.multipart_form(frontdesk.url(EMAIL)),
    ),
    "mail of too many fields": (
        EMAIL,
        lambda frontdesk: frontdesk.providers.multipart_form(
            frontdesk.url(EMAIL), *(a_field(f"field{number}", b"x") for number in range(501))
        ),
    ),
}


@pytest.mark.parametrize(("channel", "make"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_verified_webhook_becomes_one_dead_letter(
    frontdesk: RunningFrontDesk, channel: ChannelType, make: Make
) -> None:
    webhook = make(frontdesk)

    assert [frontdesk.post(webhook).shown for _ in range(2)] == [ACKNOWLEDGED[channel]] * 2

    (dead_letter,) = frontdesk.dead_letters()
    assert dead_letter.webhook is not None
    assert (dead_letter.kind, dead_letter.webhook.request.body) == ("unreadable", webhook.body)
    assert (frontdesk.unmatched(), frontdesk.contexts()) == ([], {})
