"""A webhook is verified only if a known account signed exactly these fields."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.errors import PayloadTooLargeError, SecretsUnavailableError, ValidationError
from infrastructure.channels.twilio import verification
from infrastructure.channels.twilio.parser import TwilioWebhookParser
from infrastructure.channels.twilio.verification import decode_form, signed_fields
from infrastructure.configuration.provider_accounts import ProviderAccounts
from infrastructure.configuration.secrets.accounts import TwilioAccount
from tests.builders import provider_accounts
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    FORM,
    PAYLOADS,
    TOKEN,
    URL,
    a_parser,
    a_webhook,
    an_account,
    sign,
)

BODY = (PAYLOADS / "sms.form").read_bytes()
OTHER_SID = "AC00000000000000000000000000000009"
SHA256_OF_BODY = hashlib.sha256(BODY).hexdigest()


def refused(request: WebhookRequest, *accounts: TwilioAccount) -> bool:
    with pytest.raises(ValidationError) as caught:
        a_parser(*accounts).validate(request)
    # The message is the same for every reason.
    return str(caught.value) == "not signed by a known account"


@pytest.mark.parametrize("tokens", [(TOKEN, "older"), ("newer", TOKEN), ("", TOKEN)])
def test_webhook_signed_with_any_token_of_the_account_is_verified(tokens: tuple[str, ...]) -> None:
    assert a_parser(an_account(*tokens)).validate(a_webhook(BODY)).account == ACCOUNT_SID


@pytest.mark.parametrize(
    "accounts",
    [
        pytest.param((an_account("other"),), id="another token"),
        pytest.param((an_account(TOKEN + " "),), id="almost the token"),
        pytest.param((an_account("\udcff"),), id="a token that is no text"),
        pytest.param((TwilioAccount(ACCOUNT_SID, ()),), id="no token"),
        pytest.param((an_account(account_sid=OTHER_SID),), id="account absent"),
        pytest.param(
            (an_account("other"), an_account(account_sid=OTHER_SID)),
            id="another account's token",
        ),
    ],
)
def test_webhook_signed_with_a_token_of_another_account_is_refused(
    accounts: tuple[TwilioAccount, ...],
) -> None:
    assert refused(a_webhook(BODY), *accounts)


def test_webhook_is_refused_when_there_are_no_accounts() -> None:
    with pytest.raises(ValidationError):
        TwilioWebhookParser(ChannelType.SMS, provider_accounts).validate(a_webhook(BODY))


def test_webhook_signed_with_an_empty_token_is_refused() -> None:
    forged = a_webhook(BODY, signature=sign(BODY, token=""))
    assert refused(forged, an_account(""))


def test_webhook_of_an_unknown_account_signed_with_an_empty_token_is_refused() -> None:
    forged = a_webhook(BODY, signature=sign(BODY, token=""))
    assert refused(forged, an_account(account_sid=OTHER_SID))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URL of each signature that is computed."""
    urls: list[str] = []

    class Counting(RequestValidator):  # type: ignore[misc]  # the library has no type information
        def compute_signature(self, uri: str, params: object) -> str:
            urls.append(uri)
            return str(super().compute_signature(uri, params))

    monkeypatch.setattr(verification, "RequestValidator", Counting)
    return urls


def test_unknown_account_costs_as_many_signatures_as_a_known_one(computed: list[str]) -> None:
    forged = a_webhook(BODY, signature=sign(b"other"))
    assert refused(forged, an_account())
    for_known = computed.copy()
    assert refused(forged, an_account(account_sid=OTHER_SID))
    assert computed == for_known * 2
    assert len(for_known) == 2


def test_unavailable_secrets_raise_an_error_instead_of_a_refusal() -> None:
    def accounts() -> ProviderAccounts:
        raise SecretsUnavailableError("later")

    with pytest.raises(SecretsUnavailableError):
        TwilioWebhookParser(ChannelType.SMS, accounts).validate(a_webhook(BODY))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "None",
        sign(BODY) + " ",
        sign(BODY).lower(),
        sign(BODY)[:-1],
        f"{sign(BODY)},{sign(BODY)}",
        "é" * 28,
        "A" * 27 + "=",
        "A" * 100_000,
    ],
)
def test_wrong_or_malformed_signature_is_refused(signature: str) -> None:
    assert refused(a_webhook(BODY, signature=signature))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("content-type", FORM),),
        (("content-type", FORM), *[("x-twilio-signature", sign(BODY))] * 2),
        (("content-type", FORM), ("x-twilio-signature", "x"), ("x-twilio-signature", sign(BODY))),
        (*[("content-type", FORM)] * 2, ("x-twilio-signature", sign(BODY))),
        (("x-twilio-signature", sign(BODY)),),
        (("content-type", FORM), ("x-twilio-email-signature", sign(BODY))),
    ],
)
def test_missing_or_repeated_header_is_refused(headers: tuple[tuple[str, str], ...]) -> None:
    assert refused(a_webhook(BODY, headers=headers))


@pytest.mark.parametrize(
    "content_type", [FORM, FORM.upper(), f"{FORM}; charset=UTF-8", f"{FORM} ;charset=utf-8"]
)
def test_content_type_of_a_form_is_accepted_in_any_case_and_with_parameters(
    content_type: str,
) -> None:
    assert a_parser().validate(a_webhook(BODY, content_type=content_type)).account == ACCOUNT_SID


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/form-data", "text/plain", f"{FORM}-not", f"a, {FORM}"],
)
def test_another_content_type_is_refused(content_type: str) -> None:
    assert refused(a_webhook(BODY, content_type=content_type))


@pytest.mark.parametrize("content_type", ["application/json", FORM])
@pytest.mark.parametrize("body", [BODY, b"{}", b""])
def test_body_that_only_a_hash_in_the_url_covers_is_refused(body: bytes, content_type: str) -> None:
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert refused(a_webhook(body, url=url, signature=sign(b"", url), content_type=content_type))


def test_body_hash_in_the_url_is_only_part_of_the_url() -> None:
    url = f"{URL}?bodySHA256={SHA256_OF_BODY}"
    assert a_parser().validate(a_webhook(BODY, url=url)).account == ACCOUNT_SID


@pytest.mark.parametrize("name", ["sms", "mms"])
def test_form_without_its_empty_values_is_refused(name: str) -> None:
    body = (PAYLOADS / f"{name}.form").read_bytes()
    retained = b"&".join(pair for pair in body.split(b"&") if not pair.endswith(b"="))
    assert retained != body
    assert refused(a_webhook(retained, signature=sign(body)))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(BODY.replace(b"Body=Hi", b"Body=Ho"), id="another text"),
        pytest.param(BODY.replace(b"Body=Hi", b"Body=Hi+"), id="a space more"),
        pytest.param(BODY + b"&New=1", id="a field more"),
        pytest.param(BODY.replace(b"&ToZip=", b""), id="a field less"),
        pytest.param(BODY + b"&", id="an empty field"),
        pytest.param(BODY.replace(b"ToZip=", b"ToZip"), id="a field without an equals sign"),
        pytest.param(BODY + b"&AccountSid=" + OTHER_SID.encode(), id="a second account"),
        pytest.param(BODY + b"&AccountSid=" + ACCOUNT_SID.encode(), id="the account twice"),
        pytest.param(BODY.replace(b"AccountSid", b"accountsid"), id="account in lower case"),
        pytest.param(BODY.replace(b"%C3%A1", b"%C3"), id="half a character"),
        pytest.param(BODY.replace(b"%C3%A1", b"\xe1"), id="Latin-1"),
        pytest.param(BODY.replace(b"%C3%A1", b"%ED%A0%80"), id="a lone surrogate"),
        pytest.param(BODY.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00" * 100, id="zeros"),
    ],
)
def test_changed_body_is_refused(changed: bytes) -> None:
    assert changed != BODY
    assert refused(a_webhook(changed, signature=sign(BODY)))


def test_form_with_the_account_twice_is_refused_although_its_signature_matches() -> None:
    # Repeated values are signed once, so that this form has the signature of BODY.
    assert refused(a_webhook(BODY + b"&AccountSid=" + ACCOUNT_SID.encode()))


@pytest.mark.parametrize("escaped", [b"%FF", b"%C3", b"%ED%A0%80"])
def test_text_that_only_a_lenient_decoder_reads_is_refused_although_signed(escaped: bytes) -> None:
    # sign() decodes leniently: the signature is that of a replacement character.
    assert refused(a_webhook(f"AccountSid={ACCOUNT_SID}&Body=".encode() + escaped))


def test_field_without_an_equals_sign_cannot_replace_another() -> None:
    # "Body" + "Bodyguard" and "BodyBodyguard" have one signature.
    body = urlencode({"AccountSid": ACCOUNT_SID, "Body": "Bodyguard"}).encode()
    forged = body.replace(b"Body=Bodyguard", b"Body&Bodyguard")
    assert refused(a_webhook(forged, signature=sign(body)))


@pytest.mark.parametrize(
    "fields",
    [
        [("Tag", "b"), ("Tag", "a"), ("Tag", "b")],
        [("Body", "Olá, 日本 😀"), ("Имя", "ж")],
        [("Body", " \t\r\n trim me not \u00a0")],
        [("Body", "\x00\x01")],
        [("", "nameless"), (" ", "")],
        [("b", "lower"), ("B", "upper"), ("a", "")],
    ],
)
def test_unusual_but_correctly_signed_fields_are_accepted(fields: list[tuple[str, str]]) -> None:
    body = urlencode([("AccountSid", ACCOUNT_SID), *fields]).encode()
    assert a_parser().validate(a_webhook(body)).account == ACCOUNT_SID


def test_form_with_500_fields_is_verified_and_one_with_501_is_too_large() -> None:
    body = f"AccountSid={ACCOUNT_SID}".encode() + b"&a=1" * 499
    assert a_parser().validate(a_webhook(body)).account == ACCOUNT_SID
    with pytest.raises(PayloadTooLargeError):
        a_parser().validate(a_webhook(body + b"&a=1", signature=sign(b"")))


def test_body_over_the_limit_is_too_large_before_secrets_are_read() -> None:
    def accounts() -> ProviderAccounts:
        raise AssertionError("secrets must not be read for a body that is too large")

    parser = TwilioWebhookParser(ChannelType.SMS, accounts)
    with pytest.raises(PayloadTooLargeError):
        parser.validate(a_webhook(b"a" * (parser.max_body_bytes + 1), headers=()))


def test_body_at_the_limit_is_verified() -> None:
    start = f"AccountSid={ACCOUNT_SID}&Body=".encode()
    body = start + b"a" * (1024 * 1024 - len(start))
    assert a_parser().validate(a_webhook(body)).account == ACCOUNT_SID


def test_sign_helper_computes_hmac_sha1_in_base64() -> None:
    assert len(base64.b64decode(sign(BODY))) == hashlib.sha1().digest_size


def rewritten(form: str) -> str:
    """The same form in reverse order, fully escaped, and with every field but one repeated."""
    once = parse_qsl(form, keep_blank_values=True)
    pairs = once + [(name, value) for name, value in once if name != "AccountSid"]
    escaped = ("=".join("".join(map(_escaped, text)) for text in pair) for pair in pairs[::-1])
    return "&".join(escaped)


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode())


@pytest.mark.parametrize("form", ["sms", "mms", "whatsapp_button"])
def test_webhooks_with_one_signature_have_one_id(form: str) -> None:
    body = (PAYLOADS / f"{form}.form").read_bytes()
    first = a_webhook(body)
    copies = [
        a_webhook(rewritten(body.decode()).encode(), signature=sign(body)),
        a_webhook(body.replace(b"&ApiVersion=2010", b"&Api=Version2010"), signature=sign(body)),
        *(
            a_webhook(body, url=URL.replace(".com", f".com:{port}"), signature=sign(body))
            for port in (443, 8443, "")
        ),
        a_webhook(body, url=URL.replace("//", "//user:pass@") + "#rc=5", signature=sign(body)),
    ]
    parser = a_parser()
    assert {parser.validate(copy).id for copy in copies} == {parser.validate(first).id}


@given(st.text("aB1+%&=;é4C3 ~\x00", max_size=30))
def test_form_is_decoded_as_the_standard_library_does_it(text: str) -> None:
    def decoded(decode: Callable[[], Mapping[str, list[str]]]) -> Mapping[str, list[str]] | None:
        try:
            return decode()
        except ValueError:
            return None

    assume(text)  # newer versions of Python take an empty text for an empty form
    expected = decoded(lambda: parse_qs(text, True, True, errors="strict"))
    assert decoded(lambda: decode_form(text.encode()).fields) == expected


def test_signed_text_is_the_input_of_the_signature() -> None:
    signed = (URL + signed_fields(decode_form(BODY))).encode()
    digest = hmac.digest(TOKEN.encode(), signed, hashlib.sha1)
    assert base64.b64encode(digest).decode() == sign(BODY)


@pytest.mark.parametrize("url", [URL + "?a=1", URL + "/", URL.replace("https", "http")])
def test_webhook_to_another_url_has_another_id(url: str) -> None:
    parser = a_parser()
    other = parser.validate(a_webhook(BODY, url=url))
    assert other.id != parser.validate(a_webhook(BODY)).id
