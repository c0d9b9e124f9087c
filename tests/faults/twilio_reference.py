"""One Twilio webhook, and its expected result.

The expectation comes from ``vendor_schemes`` and from what is documented about public URLs.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from urllib.parse import urlsplit

from tests.faults.in_process import HttpRequest
from tests.faults.vendor_schemes import configured_forms, form_pairs, signed_by_twilio

FORM = "application/x-www-form-urlencoded"
SID = "AC" + "7" * 32
OTHER_SID = "AC" + "8" * 32
TOKENS = ("token-of-today", "token-of-yesterday")
OTHER_TOKEN = "token-of-another-company"
PROXIES = "10.0.0.0/8"
A_PROXY = "10.1.2.3"
URL = "https://hooks.example.com/webhooks/sms"


class Expected(StrEnum):
    """The result of a webhook."""

    REFUSED = "refused, nothing kept"
    RECORDED = "a message more"
    SPOOLED = "authentic, but a dead letter"
    REPEATED = "authentic, and known already"


@dataclass(frozen=True)
class Setup:
    """The settings of a front desk, and the tokens that it accepts."""

    accounts: tuple[tuple[str, tuple[str, ...]], ...] = ((SID, TOKENS),)
    base_url: str | None = None
    webhook_url: str | None = None
    behind_proxies: bool = False

    def tokens_of(self, account_sid: str) -> tuple[str, ...]:
        return dict(self.accounts).get(account_sid, ())


@dataclass(frozen=True)
class TwilioCase:
    """One request to one setup."""

    name: str
    request: HttpRequest
    setup: Setup = field(default_factory=Setup)
    special: Expected | None = None

    @cached_property
    def expected(self) -> Expected:
        if not is_authentic(self.request, self.setup):
            return Expected.REFUSED
        return self.special or Expected.RECORDED


def is_authentic(request: HttpRequest, setup: Setup) -> bool:
    """Whether one of the account's tokens signed this form for the URL that was reached."""
    headers = {name.lower(): value for name, value in request.headers}
    if len(headers) < len(request.headers):
        return False  # a sender repeats a header to be read in two ways
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return False
    try:
        pairs = form_pairs(request.body)
    except ValueError:
        return False
    names = [value for name, value in pairs if name == "AccountSid"]
    tokens = setup.tokens_of(names[0]) if len(names) == 1 else ()
    return headers.get("x-twilio-signature") in {
        signed_by_twilio(url, pairs, token)
        for reached in reached_urls(request, setup)
        for url in configured_forms(reached)
        for token in tokens
    }


def reached_urls(request: HttpRequest, setup: Setup) -> list[str]:
    """The public URLs: from a setting, from a trusted proxy, or from the request itself."""
    if setup.webhook_url:
        return [setup.webhook_url]
    if setup.base_url:
        parts = urlsplit(setup.base_url)
        segments = parts.path.split("/")
        has_it = request.target.partition("?")[0].split("/")[: len(segments)] == segments
        origin = f"{parts.scheme}://{parts.netloc}"
        return [setup.base_url + request.target, *[origin + request.target] * has_it]
    headers = {name.lower(): value for name, value in request.headers}
    trusted = headers if setup.behind_proxies and request.client.startswith("10.") else {}
    scheme = trusted.get("x-forwarded-proto", request.scheme).split(",")[0].strip()
    host = trusted.get("x-forwarded-host", request.host).split(",")[0].strip()
    port = trusted.get("x-forwarded-port", "")
    has_port = urlsplit(f"//{host}").port is not None
    if port and not has_port and (scheme, port) not in {("https", "443"), ("http", "80")}:
        host = f"{host}:{port}"
    return [f"{scheme}://{host}{request.target}"]


def a_form(name: str, **fields: str) -> dict[str, str]:
    """A different message for each ``name``."""
    return {
        "MessageSid": "SM" + hashlib.md5(name.encode()).hexdigest(),
        "AccountSid": SID,
        "From": "+14155550123",
        "To": "+15005550006",
        "Body": "Hi, is this Olá Café? 😀",
        "FromCity": "SAN FRANCISCO",
        "ToCity": "",
        "NumMedia": "0",
        **fields,
    }


def posted(
    body: bytes, url: str = URL, token: str = TOKENS[0], *, signature: str | None = None
) -> HttpRequest:
    """``body`` signed for ``url`` and sent directly to it."""
    parts = urlsplit(url)
    default = {"https": ":443", "http": ":80"}[parts.scheme]
    host = parts.netloc.rpartition("@")[2].removesuffix(default)
    signed_url = url.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1).partition("#")[0]
    if signature is None:
        signature = signed_by_twilio(signed_url, form_pairs(body), token)
    headers = (("content-type", FORM), ("x-twilio-signature", signature))
    target = url.partition(parts.netloc)[2].partition("#")[0]
    return HttpRequest(target, body, headers, host=host, scheme=parts.scheme)
