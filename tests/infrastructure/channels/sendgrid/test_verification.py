"""Verification of mail: signatures, Basic auth, and their errors."""

import base64
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from application.ports.webhook_parser import WebhookRequest
from domain.errors import KnownAccountRefusedError, SecretsUnavailableError, ValidationError
from infrastructure.channels.sendgrid.parser import SendgridWebhookParser
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, sign
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from infrastructure.configuration.provider_accounts import ProviderAccounts
from infrastructure.configuration.secrets.accounts import SendgridAccount
from tests.builders import NOW, provider_accounts
from tests.infrastructure.channels.sendgrid.webhooks import (
    ACCOUNT_NAME,
    KEY,
    OTHER_KEY,
    URL,
    a_parser,
    an_account,
    as_received,
    public_key,
)

PAIR = "frontdesk:s3cret:with-colon"
P256, OTHER = public_key(KEY), public_key(OTHER_KEY)
P384_KEY = ec.derive_private_key(7, ec.SECP384R1())
BODY = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nCaf\xe9 \xff\xfe\r\n--b--\r\n'


def a_request(
    key: ec.EllipticCurvePrivateKey | None = KEY,
    pair: str | None = None,
    timestamp: str | None = None,
) -> WebhookRequest:
    """A request with a body that is not UTF-8."""
    headers: list[tuple[str, str]] = []
    if key is not None:
        stamp = str(int(NOW.timestamp())) if timestamp is None else timestamp
        headers += [(TIMESTAMP_HEADER, stamp), (SIGNATURE_HEADER, sign(key, stamp, BODY))]
    if pair is not None:
        headers.append(("authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
    return WebhookRequest("POST", URL, tuple(headers), BODY, NOW)


def with_header(request: WebhookRequest, name: str, value: str) -> WebhookRequest:
    headers = tuple((key, value if key == name else old) for key, old in request.headers)
    return replace(request, headers=headers)


def is_accepted(request: WebhookRequest, *accounts: SendgridAccount) -> bool:
    try:
        return a_parser(*accounts).validate(request).account == ACCOUNT_NAME
    except ValidationError:
        return False


@pytest.mark.parametrize(
    ("keys", "pairs", "request_", "accepted"),
    [
        ((P256,), (), a_request(), True),
        ((OTHER, P256), (), a_request(), True),
        ((" ".join(P256), "not base64"), (), a_request(), True),
        ((OTHER,), (), a_request(), False),
        ((P256,), (), a_request(key=None), False),
        ((P256,), (), a_request(key=None, pair=PAIR), False),
        ((public_key(P384_KEY),), (), a_request(P384_KEY), False),
        (("not a key",), (), a_request(), False),
        (("",), (), a_request(), False),
        ((), (PAIR,), a_request(key=None, pair=PAIR), True),
        ((), ("old:pair", PAIR), a_request(key=None, pair=PAIR), True),
        ((), (PAIR,), a_request(key=None, pair="frontdesk:wrong"), False),
        ((), (PAIR,), a_request(key=None), False),
        ((), (PAIR,), a_request(), False),
        ((), ("",), a_request(key=None, pair=""), False),
        ((P256,), (PAIR,), a_request(pair=PAIR), True),
        ((P256,), (PAIR,), a_request(), False),
        ((P256,), (PAIR,), a_request(key=None, pair=PAIR), False),
        ((P256,), (PAIR,), a_request(OTHER_KEY, pair=PAIR), False),
        (("not a key",), (PAIR,), a_request(pair=PAIR), False),
        ((), (), a_request(pair=PAIR), False),
        ((), (), a_request(key=None), False),
    ],
)
def test_mail_is_accepted_only_if_it_has_all_configured_proofs(
    keys: tuple[str, ...], pairs: tuple[str, ...], request_: WebhookRequest, accepted: bool
) -> None:
    assert is_accepted(request_, an_account(*keys, basic_auth=pairs)) is accepted


def test_verified_mail_names_the_account_that_signed_it() -> None:
    accounts = an_account(OTHER, name="other"), an_account(P256), an_account(P256, name="third")
    assert a_parser(*accounts).validate(a_request()).account == ACCOUNT_NAME


def test_mail_is_refused_when_there_are_no_accounts() -> None:
    parser = SendgridWebhookParser(provider_accounts, lambda: NOW)
    with pytest.raises(ValidationError):
        parser.validate(a_request())


def test_signature_with_another_kind_of_key_is_refused() -> None:
    der = (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert not is_accepted(a_request(), an_account(base64.b64encode(der).decode()))


@pytest.mark.parametrize("at", range(0, len(BODY), 7))
def test_mail_with_a_changed_byte_is_refused(at: int) -> None:
    body = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
    assert not is_accepted(replace(a_request(), body=body))


def test_mail_tampered_with_by_the_simulator_is_refused() -> None:
    request = SendgridSimulator(KEY).request(
        URL,
        sender="ana@example.com",
        recipient="help@acme.example",
        subject="Hi",
        text="Hi",
        now=NOW,
        tamper=True,
    )
    assert not is_accepted(as_received(request))


@pytest.mark.parametrize("tamper", [False, True])
def test_simulator_tampers_with_the_password_when_there_is_no_key(tamper: bool) -> None:
    request = SendgridSimulator(basic_auth=PAIR).request(
        URL,
        sender="ana@example.com",
        recipient="help@acme.example",
        subject="Hi",
        text="Hi",
        now=NOW,
        tamper=tamper,
    )
    account = an_account(basic_auth=[PAIR])
    assert is_accepted(as_received(request), account) is not tamper


@pytest.mark.parametrize("pair", [PAIR, "frontdesk:old", "a:b", "", "x" * 1_000])
def test_every_pair_is_compared_in_equal_length(pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.extend((len(one), len(other)))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    account = an_account(basic_auth=[PAIR, "frontdesk:old", ""])
    is_known = pair in (PAIR, "frontdesk:old")
    assert is_accepted(a_request(key=None, pair=pair), account) is is_known
    # Of what is refused, the users are compared as well.
    assert compared == [32] * (6 if is_known else 12)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "accepted"),
    [
        (timedelta(0), True),
        (95 * HOUR, True),
        (97 * HOUR, False),
        (-95 * HOUR, True),
        (-97 * HOUR, False),
        (24 * 365 * HOUR, False),
    ],
)
def test_signature_is_accepted_within_the_tolerance(age: timedelta, accepted: bool) -> None:
    timestamp = str(int((NOW - age).timestamp()))
    assert is_accepted(a_request(timestamp=timestamp)) is accepted


@pytest.mark.parametrize(
    "altered",
    ["1772625601", "", "soon", "-1", "1e9", "٣", " 1772625600", "9" * 5000],
)
def test_mail_with_an_altered_timestamp_is_refused(altered: str) -> None:
    assert not is_accepted(with_header(a_request(), TIMESTAMP_HEADER, altered))


@pytest.mark.parametrize("stamp", ["+1772625600", "1772625600.0", " 1772625600", "1_772_625_600"])
def test_signed_timestamp_that_is_not_decimal_is_refused(stamp: str) -> None:
    assert not is_accepted(a_request(timestamp=stamp))


@pytest.mark.parametrize("signature", ["", "!", "AAAA", "A" * 100_000, "é", "MAYCAQECAQE="])
def test_malformed_signature_is_refused(signature: str) -> None:
    assert not is_accepted(with_header(a_request(), SIGNATURE_HEADER, signature))


@pytest.mark.parametrize("value", ["Basic", "Basic !", "Bearer x", "Basic " + "A" * 100_000, "é"])
def test_malformed_authorization_is_refused(value: str) -> None:
    request = with_header(a_request(pair=PAIR), "authorization", value)
    assert not is_accepted(request, an_account(P256, basic_auth=[PAIR]))


@pytest.mark.parametrize("name", [SIGNATURE_HEADER, TIMESTAMP_HEADER, "authorization"])
def test_repeated_security_header_is_refused(name: str) -> None:
    request = a_request(pair=PAIR)
    again = tuple(pair for pair in request.headers if pair[0] == name)
    repeated = replace(request, headers=request.headers + again)
    assert is_accepted(request, an_account(P256))
    assert not is_accepted(repeated, an_account(P256))


def test_unavailable_secrets_raise_an_error_instead_of_a_refusal() -> None:
    def unavailable() -> ProviderAccounts:
        raise SecretsUnavailableError("no secrets at the moment")

    with pytest.raises(SecretsUnavailableError):
        SendgridWebhookParser(unavailable, lambda: NOW).validate(a_request())


def test_refusal_shows_no_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        a_parser(an_account(OTHER, basic_auth=[PAIR])).validate(a_request(pair="a:b"))
    assert PAIR not in repr(caught.value)
    assert OTHER not in repr(caught.value)


STALE = str(int((NOW - 97 * HOUR).timestamp()))


@pytest.mark.parametrize(
    ("account", "request_", "reason"),
    [
        (an_account(P256), a_request(OTHER_KEY), "signature_mismatch"),
        (an_account(P256), a_request(timestamp=STALE), "timestamp_outside_tolerance"),
        (an_account(P256), a_request(timestamp="soon"), "timestamp_ill_formed"),
        (an_account(P256), with_header(a_request(), SIGNATURE_HEADER, "!"), "signature_ill_formed"),
        (an_account(P256), with_header(a_request(), SIGNATURE_HEADER, ""), "signature_missing"),
        (an_account(P256), with_header(a_request(), TIMESTAMP_HEADER, ""), "timestamp_missing"),
        (
            an_account(P256),
            replace(a_request(), headers=a_request().headers * 2),
            "header_repeated",
        ),
        (an_account(P256, basic_auth=[PAIR]), a_request(key=None, pair=PAIR), "signature_missing"),
        (an_account(P256, basic_auth=[PAIR]), a_request(), "basic_auth_missing"),
        (
            an_account(P256, basic_auth=[PAIR]),
            a_request(pair="frontdesk:no"),
            "basic_auth_mismatch",
        ),
        (
            an_account(basic_auth=[PAIR]),
            a_request(key=None, pair="frontdesk:no"),
            "basic_auth_mismatch",
        ),
        (an_account(basic_auth=[PAIR]), a_request(), "basic_auth_missing"),
        (an_account(), a_request(), "no_secret_configured"),
    ],
)
def test_refused_mail_of_a_known_account_has_a_reason(
    account: SendgridAccount, request_: WebhookRequest, reason: str
) -> None:
    with pytest.raises(KnownAccountRefusedError) as caught:
        a_parser(account).validate(request_)
    assert (caught.value.account, caught.value.reason) == (ACCOUNT_NAME, reason)
    assert caught.value.log_fields == {"reason": reason}


@pytest.mark.parametrize(
    "request_",
    [
        a_request(key=None),
        a_request(key=None, pair="mallory:s3cret"),
        a_request(key=None, pair="frontdesk"),
        with_header(a_request(key=None, pair=PAIR), "authorization", "Bearer frontdesk"),
    ],
)
def test_mail_without_signature_and_known_user_is_of_no_known_account(
    request_: WebhookRequest,
) -> None:
    with pytest.raises(ValidationError) as caught:
        a_parser(an_account(P256, basic_auth=[PAIR])).validate(request_)
    assert not isinstance(caught.value, KnownAccountRefusedError)
    assert (caught.value.account, caught.value.reason) == ("", "account_unknown")


def test_basic_user_names_one_of_several_accounts_and_a_signature_none() -> None:
    accounts = an_account(P256, name="keys"), an_account(basic_auth=[PAIR], name="pairs")
    reasons = {}
    for request in (a_request(OTHER_KEY, pair="frontdesk:no"), a_request(OTHER_KEY)):
        with pytest.raises(KnownAccountRefusedError) as caught:
            a_parser(*accounts).validate(request)
        reasons[caught.value.account] = caught.value.reason
    assert reasons == {"pairs": "basic_auth_mismatch", "sendgrid": "signature_mismatch"}
