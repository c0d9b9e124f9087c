"""A text in the other Unicode form is found, and takes no time that a forger chooses."""

import time
import unicodedata
from typing import Literal
from urllib.parse import quote_plus

import pytest

from application.ports.signature_doctor import Cause
from domain.channels import ChannelType
from infrastructure.channels.twilio.signature_doctor.form_variations import form_variations
from tests.infrastructure.channels.twilio.signature_doctor.doctors import (
    a_doctor,
    captured,
    signed,
)

URL = "https://hooks.example.com/webhooks/sms"
TEXT = "Tiếng Việt: một bữa ăn"


@pytest.mark.parametrize(("signed_as", "seen_as"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_text_that_was_normalized_on_the_way_is_found(
    signed_as: Literal["NFC", "NFD"], seen_as: Literal["NFC", "NFD"]
) -> None:
    text, seen = (quote_plus(unicodedata.normalize(one, TEXT)) for one in (signed_as, seen_as))
    request = signed(URL, unicodedata.normalize(signed_as, TEXT))
    body = request.body.replace(text.encode(), seen.encode())
    assert body != request.body
    diagnosis = a_doctor().diagnose(captured(URL, request, body), ChannelType.SMS)
    assert diagnosis.causes == (Cause.CHARSET,)


@pytest.mark.parametrize("marks", ["\u0301" * 40_000 + "\u0323" * 40_000, "\u0f73" * 40_000])
def test_marks_of_a_forger_are_not_put_in_order(marks: str) -> None:
    """The attack: marks that take half a minute, in which no other thread works."""
    request = signed(URL, "here")
    capture = captured(URL, request, request.body.replace(b"here", marks.encode()))
    began_at = time.thread_time()
    forms = form_variations(capture)
    assert all(forms.at(number) for number in range(20))
    assert time.thread_time() - began_at < 5
