"""Is a webhook really Twilio's? Decided by its signature, on everything that it covers.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from application.ports.webhook_parser import WebhookRequest
from domain.errors import PayloadTooLargeError, ValidationError
from infrastructure.configuration.secrets.accounts import TwilioAccount

MAX_BODY_BYTES = 1024 * 1024
"""A form of Twilio's has a few kilobytes."""

MAX_FORM_FIELDS = 500
"""Twilio sends some thirty; every field costs a hash of everything before it."""

_FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=")
"""HMAC-SHA1 in base64: 20 bytes are 28 characters."""

_DEFAULT_PORTS = {"https": "443", "http": "80"}


@dataclass(frozen=True, slots=True)
class Form:
    """A decoded form: every name with all of its values, in the order in which they came.

    Iterating gives the names, and ``getall`` the values of one: the shape of a multi-dict
    that Twilio's ``RequestValidator`` expects where names repeat.
    """

    fields: Mapping[str, list[str]] = field(repr=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def getall(self, name: str) -> list[str]:
        """Every value of ``name``; empty if it is absent."""
        return self.fields.get(name, [])

    def only(self, name: str) -> str | None:
        """The value of ``name``; ``None`` if it is absent or repeated."""
        values = self.getall(name)
        return values[0] if len(values) == 1 else None

    def first(self, name: str) -> str | None:
        """The first value of ``name``; ``None`` if there is none, or an empty one."""
        return next(iter(self.getall(name)), "") or None


def decode_form(body: bytes) -> Form:
    """Decode ``application/x-www-form-urlencoded`` in UTF-8; no value is trimmed or dropped.

    Raises ``ValueError`` for bytes that are not UTF-8 before or after percent-decoding, and for
    a field without ``=``. A lenient decoder would let ``Body&Bodyx`` pass for ``Body=Bodyx``,
    which has the same signature.
    """
    text = body.decode("utf-8")
    return Form(parse_qs(text, keep_blank_values=True, strict_parsing=True, errors="strict"))


def check_size(request: WebhookRequest, max_body_bytes: int) -> None:
    """Raise ``PayloadTooLargeError`` over ``max_body_bytes`` or ``MAX_FORM_FIELDS``.

    Cheap, and to be asked first: the check of a signature hashes all of the body.
    """
    if len(request.body) > max_body_bytes:
        raise PayloadTooLargeError("the body is larger than any of Twilio's")
    if request.body.count(b"&") >= MAX_FORM_FIELDS:
        raise PayloadTooLargeError("the form has more fields than any of Twilio's")


def verify(request: WebhookRequest, accounts: Iterable[TwilioAccount]) -> tuple[str, Form]:
    """The AccountSid of the account of ``accounts`` whose token signed ``request``, and its form.

    The AccountSid of the form only picks which tokens are tried; the signature verifies it.
    Raises ``ValidationError`` for whatever is not verified, for whatever reason.
    """
    try:
        return _verified(request, accounts)
    except Exception as error:
        # The check itself must not be an opening: what it stumbles over is refused.
        raise ValidationError("not signed by a known account") from error


def _verified(request: WebhookRequest, accounts: Iterable[TwilioAccount]) -> tuple[str, Form]:
    signature = request.header("x-twilio-signature")
    if not _is_form(request) or not signature or not _SIGNATURE.fullmatch(signature):
        raise ValidationError("no form with a signature")
    form = decode_form(request.body)
    account_sid = form.only("AccountSid")
    tokens = [
        token.get_secret_value()
        for account in accounts
        if account.account_sid == account_sid
        for token in account.auth_tokens
        if token.get_secret_value()  # an empty one would let everybody sign
    ]
    # An unknown account costs the same computation: the time tells no attacker which are known.
    verified = any(is_signed(request.url, form, signature, token) for token in tokens or [""])
    if not (account_sid and tokens and verified):
        raise ValidationError("no token gives this signature")
    return account_sid, form


def _is_form(request: WebhookRequest) -> bool:
    """JSON in particular is refused: its signature covers the URL alone."""
    content_type = request.header("content-type") or ""
    return content_type.partition(";")[0].strip().lower() == _FORM_CONTENT_TYPE


def is_signed(url: str, form: Form, signature: str, token: str) -> bool:
    """Whether ``signature`` is the one that ``token`` gives for ``form`` posted to ``url``.

    The library computes and we compare: its own ``validate`` compares character by
    character, and takes a body that is not a form for one that ``bodySHA256`` covers.
    """
    validator = RequestValidator(token)
    expected = [validator.compute_signature(signed, form) for signed in signed_urls(url)]
    return any(hmac.compare_digest(text.encode(), signature.encode()) for text in expected)


def signed_text(url: str, form: Form) -> str:
    """What the signature of ``form`` covers: the URL, then names and values, sorted, once each.

    The same for all that one signature proves, also for fields that were regrouped. Of the
    forms of the URL it takes the one without port.
    """
    pairs = (name + value for name in sorted(form) for value in sorted(set(form.getall(name))))
    return signed_urls(url)[0] + "".join(pairs)


def signed_urls(url: str) -> tuple[str, ...]:
    """The forms of ``url`` that Twilio may have signed: without and with its port.

    Twilio keeps or drops the port depending on the scheme, and always drops user info and
    fragment. A port that is no number stays where it is; nothing here looks at its value.
    Raises ``ValueError`` for what cannot be split as a URL.
    """
    parts = urlsplit(url)
    authority = parts.netloc.rpartition("@")[2]
    host = re.sub(r":[0-9]*$", "", authority)
    port = authority[len(host) + 1 :] or _DEFAULT_PORTS.get(parts.scheme, "")
    authorities = dict.fromkeys((host, f"{host}:{port}" if port else host))
    return tuple(parts._replace(netloc=netloc, fragment="").geturl() for netloc in authorities)
