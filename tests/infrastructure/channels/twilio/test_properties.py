"""Properties of Twilio's webhooks with arbitrary texts and bytes."""

import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.errors import PayloadTooLargeError, UnreadableMessageError, ValidationError
from infrastructure.channels.twilio.metadata import KNOWN_PARAMETERS
from infrastructure.channels.twilio.simulator import Button, TwilioSimulator
from infrastructure.channels.twilio.verification import decode_form
from tests.builders import NOW
from tests.infrastructure.channels.twilio.losses import lost_parameters
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    FORM,
    TOKEN,
    URL,
    a_parser,
    a_webhook,
    delivered,
    parsed,
    sign,
)

SIMULATOR = TwilioSimulator(ACCOUNT_SID, TOKEN)
CHANNELS = st.sampled_from([ChannelType.SMS, ChannelType.WHATSAPP])
TEXTS = st.text() | st.sampled_from(["\x00", "a\r\nb\n", "👩‍👩‍👧‍👦", "%00+&=;", " ", "\u2028"])
MANDATORY = [
    ("AccountSid", ACCOUNT_SID),
    ("MessageSid", "SM" + "0" * 32),
    ("From", "whatsapp:+14155550123"),
    ("To", "whatsapp:+15005550006"),
]
NAMES = (
    st.sampled_from(
        [*KNOWN_PARAMETERS, "Body", "MediaUrl0", "MediaContentType0", "MediaUrl7", "NumMedia"]
    )
    | st.from_regex(r"[A-Z][A-Za-z0-9_.]{0,20}", fullmatch=True)
).filter(lambda name: name not in {*dict(MANDATORY), "MessagingServiceSid"})
VALUES = TEXTS | st.sampled_from(
    ["true", "1", "-7.25", "1e400", "NaN", "{}", '{"a": [1.5, null]}', '["\\ud800"]', "[" * 2000]
)

quick = settings(max_examples=100, deadline=None)


@quick
@given(channel=CHANNELS, text=TEXTS, name=TEXTS, payload=TEXTS)
def test_simulated_message_is_authentic_and_read_unchanged(
    channel: ChannelType, text: str, name: str, payload: str
) -> None:
    request = delivered(
        SIMULATOR.request(
            URL,
            channel,
            sender="+14155550123",
            recipient="+15005550006",
            body=text,
            profile_name=name,
            button=Button(text, payload),
        )
    )
    (result,) = a_parser().parse(a_parser().validate(request))
    assert result.message.body == text
    assert result.message.channel is channel
    assert result.message.metadata.get("profile_name", "") == (
        name if channel is ChannelType.WHATSAPP else ""
    )


@quick
@given(data=st.data(), channel=CHANNELS, text=TEXTS)
def test_webhook_with_any_changed_byte_is_refused(
    data: st.DataObject, channel: ChannelType, text: str
) -> None:
    sent = SIMULATOR.request(
        URL, channel, sender="+14155550123", recipient="+15005550006", body=text
    )
    position = data.draw(st.integers(0, len(sent.body) - 1))
    byte = data.draw(st.integers(0, 255) | st.sampled_from(list(b"&=%+")))
    changed = sent.body[:position] + bytes([byte]) + sent.body[position + 1 :]
    # A change from %2b to %2B leaves the same form.
    assume(changed.upper() != sent.body.upper() or _differs(changed, sent.body))
    signature = sent.headers["X-Twilio-Signature"]
    with pytest.raises(ValidationError):
        a_parser().validate(a_webhook(changed, signature=signature))


def _differs(one: bytes, other: bytes) -> bool:
    return decode_form(one) != decode_form(other)


@quick
@given(fields=st.lists(st.tuples(NAMES, VALUES), max_size=12))
def test_every_parameter_is_in_the_message_and_metadata_is_json(
    fields: list[tuple[str, str]],
) -> None:
    pairs = [*MANDATORY, *fields]
    message = parsed(urlencode(pairs).encode())
    assert lost_parameters(pairs, message) == []
    encoded = json.dumps(message.metadata, ensure_ascii=False, allow_nan=False).encode()
    assert json.loads(encoded) == message.metadata


@quick
@given(body=st.binary(max_size=200), signature=st.text(max_size=40) | st.none(), url=st.text())
def test_arbitrary_requests_are_refused_and_raise_no_other_error(
    body: bytes, signature: str | None, url: str
) -> None:
    given_signature = sign(b"") if signature is None else signature
    headers = (("content-type", FORM), ("x-twilio-signature", given_signature))
    request = WebhookRequest("POST", url, headers, body, NOW)
    with pytest.raises((ValidationError, PayloadTooLargeError)):
        a_parser().validate(request)


@quick
@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_are_unreadable_and_raise_no_other_error(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        parsed(body)


@quick
@given(sid=TEXTS, sender=TEXTS, recipient=TEXTS, extra=st.lists(st.tuples(NAMES, VALUES)))
def test_arbitrary_fields_are_a_message_or_unreadable(
    sid: str, sender: str, recipient: str, extra: list[tuple[str, str]]
) -> None:
    pairs = [
        ("AccountSid", ACCOUNT_SID),
        ("MessageSid", sid if len(sid) % 2 else "SM" + "0" * 32),
        ("From", sender),
        ("To", recipient),
        *extra,
    ]
    body = urlencode(pairs).encode()
    try:
        message = parsed(body)
    except UnreadableMessageError as error:
        reason = str(error)
    else:
        reason = "From"
        assert lost_parameters(parse_qsl(body.decode(), keep_blank_values=True), message) == []
    assert reason.split(" ", 1)[0] in {"MessageSid", "From", "To"}
