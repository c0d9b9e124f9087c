"""The simulator sends what Twilio sends."""

import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from domain.channels import ChannelType
from domain.errors import ValidationError
from domain.messages import InboundMessage
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.simulator import Button, Location, Media, TwilioSimulator
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    PAYLOADS,
    TOKEN,
    URL,
    a_parser,
    delivered,
    sign,
)


def simulate(
    channel: ChannelType = ChannelType.SMS, url: str = URL, **options: Any
) -> SimulatedRequest:
    message = {"sender": "+14155550123", "recipient": "+15005550006", "body": "Olá 😀"}
    return TwilioSimulator(ACCOUNT_SID, TOKEN).request(url, channel, **{**message, **options})


def fields_of(simulated: SimulatedRequest) -> dict[str, str]:
    return dict(parse_qsl(simulated.body.decode(), keep_blank_values=True, strict_parsing=True))


def received(simulated: SimulatedRequest) -> InboundMessage:
    request = delivered(simulated)
    (result,) = a_parser().parse(a_parser().validate(request))
    return result.message


@pytest.mark.parametrize("channel", [ChannelType.SMS, ChannelType.WHATSAPP])
def test_the_vendors_own_validator_believes_it(channel: ChannelType) -> None:
    sent = simulate(channel)
    signature = sent.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(sent.url, fields_of(sent), signature)


@pytest.mark.parametrize(
    ("channel", "sample", "options"),
    [
        (ChannelType.SMS, "sms", {}),
        (
            ChannelType.SMS,
            "mms",
            {
                "media": [Media("https://api.example/1", "image/jpeg")],
                "more": {"MessagingServiceSid": "MG00000000000000000000000000000000"},
            },
        ),
        (
            ChannelType.WHATSAPP,
            "whatsapp_button",
            {
                "button": Button("Confirm", "confirm_1"),
                "profile_name": "Ana",
                "more": {
                    "ExternalUserId": "whatsapp:US.1234567890123456",
                    "OriginalRepliedMessageSid": "MM2123456789abcdef0123456789abcdef",
                    "OriginalRepliedMessageSender": "whatsapp:+15005550010",
                },
            },
        ),
    ],
)
def test_it_sends_the_fields_of_the_samples(
    channel: ChannelType, sample: str, options: dict[str, Any]
) -> None:
    sent = fields_of(simulate(channel, **options))
    form = (PAYLOADS / f"{sample}.form").read_text()
    assert sent.keys() == dict(parse_qsl(form, keep_blank_values=True)).keys()


def test_its_headers_are_twilios() -> None:
    headers = simulate().headers
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    token = headers["I-Twilio-Idempotency-Token"]
    assert str(uuid.UUID(token)) == token


def test_its_secret_is_in_no_representation() -> None:
    assert TOKEN not in repr(TwilioSimulator(ACCOUNT_SID, TOKEN))


@pytest.mark.parametrize("channel", [ChannelType.SMS, ChannelType.WHATSAPP])
def test_a_tampered_signature_keeps_its_form_and_is_refused(channel: ChannelType) -> None:
    sent = simulate(channel, tamper=True)
    assert re.fullmatch(r"[A-Za-z0-9+/]{27}=", sent.headers["X-Twilio-Signature"])
    with pytest.raises(ValidationError):
        a_parser().validate(delivered(sent))


def test_it_signs_a_url_without_user_info_and_fragment() -> None:
    sent = simulate(url="https://user:pass@example.com/sms?a=1#rc=5")
    assert sent.headers["X-Twilio-Signature"] == sign(sent.body, "https://example.com/sms?a=1")
    assert a_parser().validate(delivered(sent)).account == ACCOUNT_SID


@pytest.mark.parametrize(
    ("channel", "media", "prefix"),
    [
        (ChannelType.SMS, (), "SM"),
        (ChannelType.SMS, (Media("https://api.example/1", "image/png"),), "MM"),
        (ChannelType.WHATSAPP, (), "SM"),
    ],
)
def test_it_makes_a_new_message_sid(
    channel: ChannelType, media: tuple[Media, ...], prefix: str
) -> None:
    one, other = (received(simulate(channel, media=media)) for _ in range(2))
    assert one.provider_message_id.startswith(prefix)
    assert one.provider_message_id != other.provider_message_id


def test_a_message_sid_can_be_named() -> None:
    sid = "SM0123456789abcdef0123456789abcdef"
    assert received(simulate(message_sid=sid)).provider_message_id == sid


def test_a_whatsapp_message_with_everything() -> None:
    message = received(
        simulate(
            ChannelType.WHATSAPP,
            media=[Media("https://api.example/1", "image/png")],
            location=Location(37.5, -122.25, "Acme"),
            profile_name="Ana",
            more={
                "Address": "1 Main St",
                "ExternalUserId": "whatsapp:US.1",
                "OriginalRepliedMessageSid": "SM" + "1" * 32,
                "OriginalRepliedMessageSender": "whatsapp:+15005550006",
                "MessagingServiceSid": "MG" + "1" * 32,
                "OptOutType": "HELP",
            },
        )
    )
    assert [identity.value for identity in message.identities] == ["US.1", "+14155550123"]
    assert [file.url for file in message.attachments] == ["https://api.example/1"]
    assert message.recipient.keys == ("+15005550006", "MG" + "1" * 32)
    assert message.opt_out_type == "HELP"
    assert message.metadata["location"] == {
        "latitude": 37.5,
        "longitude": -122.25,
        "address": "1 Main St",
        "label": "Acme",
    }
    assert message.metadata["reply_to"] == {
        "message_sid": "SM" + "1" * 32,
        "sender": "whatsapp:+15005550006",
    }


def test_a_sender_with_a_hidden_number_has_no_wa_id() -> None:
    sent = simulate(ChannelType.WHATSAPP, sender="US.1", more={"ExternalUserId": "whatsapp:US.1"})
    assert "WaId" not in fields_of(sent)
    assert "WaId" not in json.loads(fields_of(sent)["ChannelMetadata"])["data"]["context"]
    assert received(sent).sender.value == "US.1"


@pytest.mark.parametrize(
    ("options", "message_type"),
    [
        ({}, "text"),
        ({"media": [Media("https://api.example/1", "audio/ogg")]}, "audio"),
        ({"button": Button("Yes", "1")}, "interactive"),
        ({"location": Location(1, 2)}, "location"),
    ],
)
def test_whatsapp_names_the_type_of_message(options: dict[str, Any], message_type: str) -> None:
    message = received(simulate(ChannelType.WHATSAPP, **options))
    assert message.metadata["message_type"] == message_type
