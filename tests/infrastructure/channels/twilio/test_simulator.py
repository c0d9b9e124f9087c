"""The simulator creates webhooks like those of Twilio."""

import json
import re
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
def test_simulated_webhook_is_accepted_by_twilios_own_validator(channel: ChannelType) -> None:
    sent = simulate(channel)
    signature = sent.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(sent.url, fields_of(sent), signature)


@pytest.mark.parametrize(
    ("channel", "sample", "options"),
    [
        (ChannelType.SMS, "sms", {}),
        (ChannelType.SMS, "mms", {"media": [Media("https://api.example/1", "image/jpeg")]}),
        (
            ChannelType.WHATSAPP,
            "whatsapp_button",
            {
                "button": Button("Confirm", "confirm_1"),
                "reply_to_sid": "MM2123456789abcdef0123456789abcdef",
                "external_user_id": "US.1234567890123456",
                "profile_name": "Ana",
            },
        ),
    ],
)
def test_simulated_webhook_has_the_fields_of_the_samples(
    channel: ChannelType, sample: str, options: dict[str, Any]
) -> None:
    service = "MG00000000000000000000000000000000" if sample == "mms" else None
    sent = fields_of(simulate(channel, messaging_service_sid=service, **options))
    form = (PAYLOADS / f"{sample}.form").read_text()
    assert sent.keys() == dict(parse_qsl(form, keep_blank_values=True)).keys()


def test_simulated_webhook_has_the_headers_of_twilio() -> None:
    headers = simulate(new_sid=lambda: "0" * 32).headers
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    assert headers["I-Twilio-Idempotency-Token"] == "00000000-0000-0000-0000-000000000000"


def test_repr_of_the_simulator_shows_no_token() -> None:
    assert TOKEN not in repr(TwilioSimulator(ACCOUNT_SID, TOKEN))


@pytest.mark.parametrize("channel", [ChannelType.SMS, ChannelType.WHATSAPP])
def test_tampered_signature_is_well_formed_and_refused(channel: ChannelType) -> None:
    sent = simulate(channel, tamper=True)
    assert re.fullmatch(r"[A-Za-z0-9+/]{27}=", sent.headers["X-Twilio-Signature"])
    with pytest.raises(ValidationError):
        a_parser().validate(delivered(sent))


def test_simulator_signs_the_url_without_user_info_and_fragment() -> None:
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
def test_simulator_creates_a_new_message_sid_each_time(
    channel: ChannelType, media: tuple[Media, ...], prefix: str
) -> None:
    one, other = (received(simulate(channel, media=media)) for _ in range(2))
    assert one.provider_message_id.startswith(prefix)
    assert one.provider_message_id != other.provider_message_id


def test_simulator_uses_the_given_message_sid() -> None:
    sid = "SM0123456789abcdef0123456789abcdef"
    assert received(simulate(message_sid=sid)).provider_message_id == sid


def test_simulated_whatsapp_message_with_all_options_is_read() -> None:
    message = received(
        simulate(
            ChannelType.WHATSAPP,
            media=[Media("https://api.example/1", "image/png")],
            location=Location(37.5, -122.25, "1 Main St", "Acme"),
            profile_name="Ana",
            external_user_id="US.1",
            reply_to_sid="SM" + "1" * 32,
            messaging_service_sid="MG" + "1" * 32,
            opt_out_type="HELP",
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


def test_simulated_sender_with_a_hidden_number_has_no_wa_id() -> None:
    sent = simulate(ChannelType.WHATSAPP, sender="US.1", external_user_id="US.1")
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
def test_simulated_whatsapp_message_has_its_message_type(
    options: dict[str, Any], message_type: str
) -> None:
    message = received(simulate(ChannelType.WHATSAPP, **options))
    assert message.metadata["message_type"] == message_type


def test_simulator_refuses_the_email_channel() -> None:
    with pytest.raises(ValueError, match="email"):
        simulate(ChannelType.EMAIL)
