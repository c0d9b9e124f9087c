"""Twilio signs the configured URL, which may differ from the URL that is received."""

from urllib.parse import urlencode

import pytest

from domain.errors import ValidationError
from infrastructure.channels.twilio.verification import decode_form, is_signed, signed_fields
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    PAYLOADS,
    a_parser,
    a_webhook,
    sign,
)

BODY = (PAYLOADS / "sms.form").read_bytes()


def test_published_example_of_twilio_is_verified() -> None:
    body = urlencode(
        {
            "Digits": "1234",
            "To": "+18005551212",
            "From": "+14158675310",
            "Caller": "+14158675310",
            "CallSid": "CA1234567890ABCDE",
        }
    ).encode()
    url = "https://example.com/myapp.php?foo=1&bar=2"
    text = url + signed_fields(decode_form(body))
    assert is_signed(text, "L/OH5YylLD5NRKLltdqwSvS0BnU=", "12345")


@pytest.mark.parametrize(
    ("signed_url", "seen_url"),
    [
        ("https://example.com/sms", "https://example.com/sms"),
        ("https://example.com/sms", "https://example.com:443/sms"),
        ("https://example.com:443/sms", "https://example.com/sms"),
        ("http://example.com:80/sms", "http://example.com/sms"),
        ("https://example.com/sms", "https://example.com:8443/sms"),
        ("https://example.com:8443/sms", "https://example.com:8443/sms"),
        ("https://example.com/sms", "https://user:pass@example.com/sms"),
        ("https://example.com/sms", "https://user:pass@example.com:8443/sms"),
        ("https://example.com/sms", "https://example.com/sms#rc=5&rp=all"),
        ("https://example.com/sms?a=1&b=%20", "https://example.com/sms?a=1&b=%20"),
        ("https://example.com/sms/", "https://example.com/sms/"),
        ("https://example.com//sms;v=1", "https://example.com//sms;v=1"),
        ("https://EXAMPLE.com/SMS", "https://EXAMPLE.com/SMS"),
        ("https://[2001:db8::1]/sms", "https://[2001:db8::1]:8443/sms"),
        ("https://[2001:db8::1]:8443/sms", "https://[2001:db8::1]:8443/sms"),
        ("https://[2001:db8::1]/sms", "https://[2001:db8::1]/sms"),
        ("https://example.com:99999/sms", "https://example.com:99999/sms"),
    ],
)
def test_url_that_twilio_writes_differently_is_accepted(signed_url: str, seen_url: str) -> None:
    request = a_webhook(BODY, url=seen_url, signature=sign(BODY, signed_url))
    assert a_parser().validate(request).account == ACCOUNT_SID


@pytest.mark.parametrize(
    "seen_url",
    [
        "https://example.com/sms/",
        "https://example.com/prod/sms",
        "https://example.com/SMS",
        "https://example.com/sms?a=1",
        "http://example.com/sms",
        "https://other.example/sms",
        "https://example.com:8443@other.example/sms",
        "https://example.com/%73ms",
        "",
        "https://[/sms",
        "https://example.com:port/sms",
        "https://example.com/\ud800",
    ],
)
def test_webhook_signed_for_another_url_is_refused(seen_url: str) -> None:
    request = a_webhook(BODY, url=seen_url, signature=sign(BODY, "https://example.com/sms"))
    with pytest.raises(ValidationError):
        a_parser().validate(request)
