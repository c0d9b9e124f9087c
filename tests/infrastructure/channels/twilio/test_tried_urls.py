"""A request may have several public URLs: each is tried, and an operator sees which."""

from dataclasses import replace

import pytest

from application.ports.webhook_parser import WebhookRequest
from domain.errors import KnownAccountRefusedError, ValidationError
from infrastructure.channels.twilio import verification
from infrastructure.channels.twilio.verification import shown_urls, urls_to_try
from infrastructure.configuration.secrets.accounts import TwilioAccount
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    FORM,
    PAYLOADS,
    a_parser,
    a_webhook,
    an_account,
    sign,
)

BODY = (PAYLOADS / "sms.form").read_bytes()
OTHER_SID = "AC00000000000000000000000000000009"
URLS = (
    "https://a.example/sms?name=Ana%20Lopes",
    "https://a.example/sms?name=Ana+Lopes",
    "https://a.example/api/sms?name=Ana+Lopes",
)


def a_webhook_to(*urls: str, signed: str | None = None, body: bytes = BODY) -> WebhookRequest:
    """A webhook that may have been posted to any of ``urls``."""
    request = a_webhook(body, url=urls[0], signature=sign(body, signed or urls[0]))
    return replace(request, other_urls=urls[1:])


def refusal(request: WebhookRequest, *accounts: TwilioAccount) -> KnownAccountRefusedError:
    with pytest.raises(KnownAccountRefusedError) as caught:
        a_parser(*accounts).validate(request)
    return caught.value


@pytest.mark.parametrize("signed", [*URLS, "https://a.example:443/api/sms?name=Ana+Lopes"])
def test_webhook_signed_for_any_of_its_urls_is_verified_and_has_that_url(signed: str) -> None:
    webhook = a_parser().validate(a_webhook_to(*URLS, signed=signed))
    assert webhook.account == ACCOUNT_SID
    assert webhook.request.urls == (signed,)


def test_webhook_signed_for_none_of_its_urls_is_refused() -> None:
    with pytest.raises(ValidationError):
        a_parser().validate(a_webhook_to(*URLS, signed="https://a.example/sms?name=Ana"))


def test_webhook_has_one_id_however_its_urls_are_listed() -> None:
    orders = [URLS, URLS[::-1], (URLS[1],), (*URLS[1:], "https://other.example/sms")]
    webhooks = [a_parser().validate(a_webhook_to(*urls, signed=URLS[1])) for urls in orders]
    assert len({webhook.id for webhook in webhooks}) == 1


def test_urls_are_tried_without_a_port_first() -> None:
    assert urls_to_try(a_webhook_to("https://a.example/sms", "http://b.example:8080/sms")) == [
        "https://a.example/sms",
        "http://b.example/sms",
        "https://a.example:443/sms",
        "http://b.example:8080/sms",
    ]


def test_scheme_and_bytes_of_a_url_stay_as_they_were_configured() -> None:
    assert urls_to_try(a_webhook_to("HTTPS://A.example/sms?")) == [
        "HTTPS://A.example/sms?",
        "HTTPS://A.example:443/sms?",
    ]


@pytest.mark.parametrize(
    ("kilobytes", "tried"), [(1, 192), (16, 192), (64, 64), (256, 16), (1024, 4)]
)
def test_large_form_is_tried_with_fewer_urls(kilobytes: int, tried: int) -> None:
    urls = [f"https://a.example/sms?{number}" for number in range(96)]
    assert (
        len(urls_to_try(a_webhook_to(*urls, body=b"a=" + b"b" * (1024 * kilobytes - 2)))) == tried
    )


def test_forged_request_costs_a_limited_number_of_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []

    def count(text: str, signature: str, token: str) -> bool:
        hashed.append(len(text))
        return False

    monkeypatch.setattr(verification, "is_signed", count)
    urls = [f"https://a.example/sms?{number}" for number in range(96)]
    for length in (100, 100_000, 1_000_000):
        hashed.clear()
        body = f"AccountSid={ACCOUNT_SID}&Body={'b' * length}".encode()
        refusal(a_webhook_to(*urls, body=body))
        assert len(hashed) <= 192
        assert sum(hashed) <= 4.2 * 1024 * 1024


@pytest.mark.parametrize("signature", ["A" * 27 + "=", "", "short"])
def test_unknown_account_is_tried_with_the_same_urls(
    monkeypatch: pytest.MonkeyPatch, signature: str
) -> None:
    texts: list[str] = []

    def remember(text: str, signature: str, token: str) -> bool:
        texts.append(text)
        return False

    monkeypatch.setattr(verification, "is_signed", remember)
    request = replace(a_webhook(BODY, url=URLS[0], signature=signature), other_urls=URLS[1:])
    refusal(request)
    of_known = texts.copy()
    with pytest.raises(ValidationError) as caught:
        a_parser(an_account(account_sid=OTHER_SID)).validate(request)
    assert not isinstance(caught.value, KnownAccountRefusedError)
    assert caught.value.log_fields == {}
    assert texts == of_known * 2


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((("content-type", FORM), ("x-twilio-signature", "A" * 27 + "=")), "signature_mismatch"),
        ((("content-type", FORM), ("x-twilio-signature", "A")), "signature_ill_formed"),
        ((("content-type", FORM),), "signature_missing"),
        ((("content-type", FORM), *[("x-twilio-signature", sign(BODY))] * 2), "signature_missing"),
        ((("content-type", "text/plain"), ("x-twilio-signature", sign(BODY))), "not_a_form"),
        ((), "not_a_form"),
    ],
)
def test_refusal_of_a_known_account_has_its_reason_and_its_urls(
    headers: tuple[tuple[str, str], ...], reason: str
) -> None:
    error = refusal(a_webhook(BODY, url="https://a.example/sms", headers=headers))
    assert error.log_fields == {
        "reason": reason,
        "tried_urls": "https://a.example/sms https://a.example:443/sms",
    }
    assert str(error) == "not signed by a known account"


@pytest.mark.parametrize("body", [b"{}", b"AccountSid", b"a=1", b"AccountSid=%FF"])
def test_refusal_without_a_known_account_has_no_reason(body: bytes) -> None:
    with pytest.raises(ValidationError) as caught:
        a_parser().validate(a_webhook(body, signature="A" * 27 + "="))
    assert caught.value.log_fields == {}


@pytest.mark.parametrize(
    ("urls", "shown"),
    [
        (["https://a.example/sms"], "https://a.example/sms"),
        (["https://a.example/sms?"], "https://a.example/sms?*"),
        (["https://a.example/sms?key=s3cret&b=s3cret=s3cret"], "https://a.example/sms?key=*&b=*"),
        (["https://a.example/sms?s3cret&&a"], "https://a.example/sms?*&*&*"),
        (["https://a.example/sms?a=1?s3cret"], "https://a.example/sms?a=*"),
        (["https://a/x?a=1", "https://a/x?a=2", "https://a/y"], "https://a/x?a=* https://a/y"),
        (["https://a/\x1b[31m\n\ud800x"], "https://a/\ufffd[31m\ufffd\ufffdx"),
    ],
)
def test_shown_urls_hold_no_values_and_only_printable_characters(
    urls: list[str], shown: str
) -> None:
    assert shown_urls(urls) == shown


def test_shown_urls_are_cut_to_300_characters() -> None:
    text = " ".join(f"https://a/{number}/{'x' * 50}" for number in range(9))
    assert shown_urls(text.split()) == text[:300]
