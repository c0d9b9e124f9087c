"""Every payload becomes the message in the JSON file beside it, with all parameters."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from domain.addresses import Address
from domain.errors import UnreadableMessageError
from domain.messages import InboundMessage
from tests.builders import NOW, verified
from tests.infrastructure.channels.twilio.losses import lost_parameters
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    PAYLOADS,
    a_parser,
    a_webhook,
    parsed,
)

FORMS = sorted(PAYLOADS.glob("*.form"))
SIGNED = json.loads((PAYLOADS / "signatures.json").read_text())


def expectation(form: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads(form.with_suffix(".json").read_text())
    return expected


READABLE = [form for form in FORMS if "message_id" in expectation(form)]
NO_MESSAGE = [form for form in FORMS if "message" in expectation(form)]
UNREADABLE = [form for form in FORMS if "unreadable" in expectation(form)]


def by_name(form: Path) -> str:
    return form.stem


def described(message: InboundMessage) -> dict[str, Any]:
    def address(value: Address) -> list[str]:
        assert value.channel is message.channel
        return [value.kind.value, value.value]

    return {
        "channel": message.channel.value,
        "message_id": message.provider_message_id,
        "sender": address(message.sender),
        "sender_verbatim": message.sender_verbatim,
        "identities": [address(identity) for identity in message.identities],
        "recipient": {
            "verbatim": message.recipient.verbatim,
            "keys": list(message.recipient.keys),
        },
        "body": message.body,
        "attachments": [[file.content_type, file.url] for file in message.attachments],
        "opt_out_type": message.opt_out_type,
        "metadata": message.metadata,
    }


@pytest.mark.parametrize("form", READABLE, ids=by_name)
def test_payload_becomes_the_expected_message(form: Path) -> None:
    assert described(parsed(form.read_bytes())) == expectation(form)


@pytest.mark.parametrize("form", NO_MESSAGE, ids=by_name)
def test_status_callback_or_other_event_is_no_message(form: Path) -> None:
    assert a_parser().parse(verified(a_webhook(form.read_bytes()), ACCOUNT_SID)) == ()


@pytest.mark.parametrize("form", UNREADABLE, ids=by_name)
def test_unreadable_payload_is_reported_by_field_without_its_value(form: Path) -> None:
    with pytest.raises(UnreadableMessageError) as caught:
        parsed(form.read_bytes())
    assert str(caught.value) == expectation(form)["unreadable"]


@pytest.mark.parametrize("form", READABLE, ids=by_name)
def test_every_parameter_of_a_payload_is_in_the_message(form: Path) -> None:
    body = form.read_bytes()
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    assert lost_parameters(pairs, parsed(body)) == []


@pytest.mark.parametrize("form", READABLE, ids=by_name)
def test_metadata_of_every_payload_is_json(form: Path) -> None:
    metadata = parsed(form.read_bytes()).metadata
    assert json.loads(json.dumps(metadata, allow_nan=False)) == metadata


@pytest.mark.parametrize("name", SIGNED["signatures"])
def test_payload_signed_by_twilio_is_authentic(name: str) -> None:
    body = (PAYLOADS / f"{name}.form").read_bytes()
    request = a_webhook(body, url=SIGNED["url"], signature=SIGNED["signatures"][name])
    assert a_parser().validate(request).account == ACCOUNT_SID


def test_message_has_account_times_and_recipient_of_its_webhook() -> None:
    message = parsed((PAYLOADS / "whatsapp_text.form").read_bytes())
    assert (message.account, message.received_at) == (ACCOUNT_SID, NOW)
    assert message.recipient.address == message.recipient.keys[0]
    assert message.author_authenticated
    assert (message.mail, message.subject, message.thread_references) == (None, None, ())


@pytest.mark.parametrize("path", ["sms", "whatsapp", "prod/v1/Webhooks/SMS"])
@pytest.mark.parametrize(("name", "channel"), [("whatsapp_text", "whatsapp"), ("sms", "sms")])
def test_scheme_of_from_decides_the_channel_whatever_the_path(
    path: str, name: str, channel: str
) -> None:
    body = (PAYLOADS / f"{name}.form").read_bytes()
    request = a_webhook(body, url=f"https://example.com/{path}")
    (result,) = a_parser().parse(verified(request, ACCOUNT_SID))
    assert result.message.channel.value == channel


def test_message_of_another_account_than_the_signing_one_is_unreadable() -> None:
    request = a_webhook((PAYLOADS / "sms.form").read_bytes())
    with pytest.raises(UnreadableMessageError, match="AccountSid"):
        a_parser().parse(verified(request, "AC00000000000000000000000000000009"))


@pytest.mark.parametrize("name", ["ChannelMetadata", "AddOns"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "null",
        "NaN",
        "[1e400]",
        '"\\ud800"',
        '{"a":1,"a":2}',
        "[" * 17 + "]" * 17,
        "[" * 9999,
    ],
)
def test_json_that_cannot_be_written_again_stays_verbatim(name: str, text: str) -> None:
    body = (PAYLOADS / "sms.form").read_bytes() + b"&" + urlencode({name: text}).encode()
    metadata = parsed(body).metadata
    assert metadata["provider"][name] == text  # type: ignore[index]
    assert metadata.keys() == {"num_segments", "provider"}


@pytest.mark.parametrize("name", [b"MessageSid", b"AccountSid"])
@pytest.mark.parametrize("change", [b"%0A", b"0", b"+", b"%EF%BC%91"])
def test_too_long_id_is_unreadable(name: bytes, change: bytes) -> None:
    fields = (PAYLOADS / "sms.form").read_bytes().split(b"&")
    body = b"&".join(pair + change if pair.startswith(name) else pair for pair in fields)
    with pytest.raises(UnreadableMessageError, match=f"{name.decode()} is ill-formed"):
        parsed(body)


@pytest.mark.parametrize("body", [b"", b"Body", b"Body=%ff", b"Body=\xff", b"a=&" * 501 + b"b="])
def test_body_that_is_not_a_form_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        parsed(body)


def test_response_to_twilio_is_empty_twiml() -> None:
    response = a_parser().respond()
    assert (response.status, response.content_type) == (200, "text/xml")
    assert response.body == b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@pytest.mark.parametrize("name", [b"From", b"To"])
def test_too_long_address_is_unreadable(name: bytes) -> None:
    fields = (PAYLOADS / "sms.form").read_bytes().split(b"&")
    long = [
        name + b"=%2B14155550123" + b"+" * 400 if f.startswith(name + b"=") else f for f in fields
    ]
    with pytest.raises(UnreadableMessageError, match=f"{name.decode()} is ill-formed"):
        parsed(b"&".join(long))
