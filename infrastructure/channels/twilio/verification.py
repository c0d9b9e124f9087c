"""Is a webhook really Twilio's? Decided by its signature, on everything that it covers.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from application.ports.webhook_parser import WebhookRequest
from domain.errors import KnownAccountRefusedError, PayloadTooLargeError, ValidationError
from infrastructure.configuration.secrets.accounts import TwilioAccount

MAX_BODY_BYTES = 1024 * 1024
"""A form of Twilio's has a few kilobytes."""

MAX_FORM_FIELDS = 500
"""Twilio sends some thirty; every field costs a hash of everything before it."""

MAX_HASHED_BYTES = 4 * MAX_BODY_BYTES
"""How much of forged requests is hashed at most: for every URL that is tried, all of the form."""

_SHOWN_CHARACTERS = 300

_REFUSED = "not signed by a known account"
_FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=")
"""HMAC-SHA1 in base64: 20 bytes are 28 characters."""

_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
"""Scheme, authority, and all up to the fragment."""

_PORT = re.compile(r":[0-9]*\Z")
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
        return self.fields[name][0] or None if name in self.fields else None


def decode_form(body: bytes) -> Form:
    """Decode ``application/x-www-form-urlencoded`` in UTF-8; no value is trimmed or dropped.

    Raises ``ValueError`` for bytes that are not UTF-8 before or after percent-decoding, and for
    a field without ``=``. A lenient decoder would let ``Body&Bodyx`` pass for ``Body=Bodyx``,
    which has the same signature.
    """
    fields: dict[str, list[str]] = {}
    for pair in body.decode("utf-8").replace("+", " ").split("&"):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError("a field without an equals sign")
        if "%" in name:
            name = unquote_to_bytes(name).decode("utf-8")
        if "%" in value:
            value = unquote_to_bytes(value).decode("utf-8")
        fields.setdefault(name, []).append(value)
    return Form(fields)


def check_size(request: WebhookRequest, max_body_bytes: int) -> None:
    """Raise ``PayloadTooLargeError`` over ``max_body_bytes`` or ``MAX_FORM_FIELDS``.

    Cheap, and to be asked first: the check of a signature hashes all of the body.
    """
    if len(request.body) > max_body_bytes:
        raise PayloadTooLargeError("the body is larger than any of Twilio's")
    if request.body.count(b"&") >= MAX_FORM_FIELDS:
        raise PayloadTooLargeError("the form has more fields than any of Twilio's")


class Signed(NamedTuple):
    """What is proven: the account, its form, the URL that Twilio signed, and all that it signed.

    ``text`` is the URL, then names and values, sorted, once each. It is the same for all that
    one signature proves, also for fields that were regrouped.
    """

    account_sid: str
    form: Form
    url: str
    text: str


def verify(request: WebhookRequest, accounts: Iterable[TwilioAccount]) -> Signed:
    """What an account of ``accounts`` has signed: the one that ``request`` names.

    The AccountSid of the form only picks which tokens are tried; the signature verifies it.
    Raises ``ValidationError`` for whatever is not verified, for whatever reason. It is a
    ``KnownAccountRefusedError`` where the form names one of ``accounts``.
    """
    try:
        return _verified(request, accounts)
    except KnownAccountRefusedError:
        raise
    except Exception as error:
        # The check itself must not be an opening: what it stumbles over is refused.
        raise ValidationError(_REFUSED) from error


def _verified(request: WebhookRequest, accounts: Iterable[TwilioAccount]) -> Signed:
    form = decode_form(request.body)
    account_sid = form.only("AccountSid")
    tokens = [
        token
        for account in accounts
        if account.account_sid == account_sid
        for secret in account.auth_tokens
        if (token := secret.get_secret_value())  # an empty one would let everybody sign
    ]
    urls = urls_to_try(request)
    reason, signature = _signature_of(request)
    # An unknown account costs the same computation: the time tells no attacker which are known.
    found = _find_signed(urls, form, signature, tokens or [""]) if signature else None
    if account_sid and tokens and found:
        return Signed(account_sid, form, *found)
    shown = shown_urls(urls)
    if account_sid and tokens:
        raise KnownAccountRefusedError(
            _REFUSED, account=account_sid, reason=reason, tried_urls=shown
        )
    raise ValidationError("the account is missing, repeated or not known")


def _signature_of(request: WebhookRequest) -> tuple[str, str | None]:
    """The signature, unless nothing could fit it, and the reason if nothing does."""
    signature = request.header("x-twilio-signature")
    if not _is_form(request):
        return "not_a_form", None
    if not signature:
        return "signature_missing", None
    if not _SIGNATURE.fullmatch(signature):
        return "signature_ill_formed", None
    return "signature_mismatch", signature


def _is_form(request: WebhookRequest) -> bool:
    """JSON in particular is refused: its signature covers the URL alone."""
    content_type = request.header("content-type") or ""
    return content_type.partition(";")[0].strip().lower() == _FORM_CONTENT_TYPE


def _find_signed(
    urls: Sequence[str], form: Form, signature: str, tokens: Sequence[str]
) -> tuple[str, str] | None:
    """The URL of ``urls`` that was signed with the form, and all that was signed."""
    fields = signed_fields(form)
    for url in urls:
        text = url + fields
        if any(is_signed(text, signature, token) for token in tokens):
            return url, text
    return None


def is_signed(text: str, signature: str, token: str) -> bool:
    """Whether ``signature`` is the one that ``token`` gives for ``text``.

    The library computes and we compare: its own ``validate`` compares character by
    character, and takes a body that is not a form for one that ``bodySHA256`` covers.
    """
    expected = RequestValidator(token).compute_signature(text, {})
    return hmac.compare_digest(expected.encode(), signature.encode())


def signed_fields(form: Form) -> str:
    """What a signature covers beside the URL: names and values, sorted, once each."""
    texts: list[str] = []
    for name, values in sorted(form.fields.items()):
        for value in values if len(values) == 1 else sorted(set(values)):
            texts += (name, value)
    return "".join(texts)


def urls_to_try(request: WebhookRequest) -> list[str]:
    """The URLs that Twilio may have signed, each once: first all without a port.

    A large form is tried with fewer of them, see ``MAX_HASHED_BYTES``.
    """
    forms = zip(*map(signed_urls, request.urls), strict=True)
    most = max(2, MAX_HASHED_BYTES // max(1, len(request.body)))
    return list(dict.fromkeys(chain.from_iterable(forms)))[:most]


def signed_urls(url: str) -> tuple[str, str]:
    """The forms of ``url`` that Twilio may have signed: without and with its port.

    Twilio keeps or drops the port depending on the scheme, and always drops user info and
    fragment. A port that is no number stays where it is; nothing here looks at its value.
    All else stays byte for byte. Raises ``ValueError`` for what is no URL.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("not an absolute URL")
    scheme, authority, rest = parts.groups()
    authority = authority.rpartition("@")[2]
    host = _PORT.sub("", authority)
    port = authority[len(host) + 1 :] or _DEFAULT_PORTS[scheme.lower()]
    return f"{scheme}://{host}{rest}", f"{scheme}://{host}:{port}{rest}"


def shown_urls(urls: Iterable[str]) -> str:
    """``urls`` for a log line: without values of the query, at most 300 printable characters."""
    text = " ".join(dict.fromkeys(map(_without_values, urls)))[:_SHOWN_CHARACTERS]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _without_values(url: str) -> str:
    start, mark, query = url.partition("?")
    if not mark:
        return start
    # What has no equals sign may be a value as well.
    parameters = (parameter.partition("=") for parameter in query.split("&"))
    return f"{start}?" + "&".join(f"{name}=*" if equals else "*" for name, equals, _ in parameters)
