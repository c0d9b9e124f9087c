"""Signed webhooks as tools record them, to be broken by the tests of the signature doctor."""

import base64
import hashlib
import hmac
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.simulator import SendgridSimulator
from infrastructure.channels.twilio.simulator import TwilioSimulator
from tests.builders import NOW

ACCOUNT, OTHER_ACCOUNT = "AC" + "1" * 32, "AC" + "2" * 32
TOKEN, OTHER_TOKEN = "0123456789abcdef" * 2, "fedcba9876543210" * 2
URL = "https://hooks.acme.example/webhooks/sms"
MAIL_URL = "https://hooks.acme.example/webhooks/email"
FORM = "application/x-www-form-urlencoded"
KEY = ec.derive_private_key(20261129, ec.SECP256R1())
OTHER_KEY = ec.derive_private_key(20261130, ec.SECP256R1())
TWILIO = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
PUBLIC = {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example"}


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key in the form that SendGrid shows."""
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


MAIL = {"SENDGRID_WEBHOOK_PUBLIC_KEY": public_key(KEY)}


@dataclass(frozen=True)
class Sent:
    """A request as the provider has sent it. Tests change parts of it after it was signed."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"

    def at(self, url: str) -> "Sent":
        """The request as it arrives at another URL."""
        return replace(self, url=url)

    def having(self, **headers: str) -> "Sent":
        """With these headers, ``_`` for ``-``, added or replaced."""
        added = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **added})

    def without(self, *names: str) -> "Sent":
        """Without these headers."""
        lower = {name.lower() for name in names}
        others = {name: text for name, text in self.headers.items() if name.lower() not in lower}
        return replace(self, headers=others)

    def saying(self, old: bytes, new: bytes) -> "Sent":
        """With another text in the body, which must have held the old one."""
        assert old in self.body
        return replace(self, body=self.body.replace(old, new))

    def carrying(self, body: bytes, content_type: str | None = None) -> "Sent":
        """With another body."""
        changed = replace(self, body=body)
        return changed.having(content_type=content_type) if content_type else changed

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields of the form."""
        return parse_qsl(self.body.decode(), keep_blank_values=True)


def sms(url: str = URL, token: str = TOKEN, account: str = ACCOUNT, **fields: Any) -> Sent:
    """A message by SMS, signed for ``url``."""
    fields = {"body": "Is it ready, Zoë? 1 + 1 = 2", **fields}
    simulated = TwilioSimulator(account, token).request(
        url, ChannelType.SMS, sender="+14155550123", recipient="+15005550006", **fields
    )
    return _sent(simulated)


def mail(
    key: ec.EllipticCurvePrivateKey | None = KEY, basic_auth: str | None = None, **parts: Any
) -> Sent:
    """A mail, signed with ``key`` or sent with a password."""
    given = {
        "sender": "ana@example.com",
        "recipient": "help@acme.example",
        "subject": "Café",
        "text": "Where is it?\r\nAna Müller",
        "charset": "iso-8859-1",
        "now": NOW,
        **parts,
    }
    return _sent(SendgridSimulator(key, basic_auth).request(MAIL_URL, **given))


def url_alone(url: str, token: str = TOKEN) -> Sent:
    """A GET, or what else has no form: its signature covers the URL alone."""
    digest = hmac.digest(token.encode(), url.encode(), hashlib.sha1)
    return Sent(url, {"X-Twilio-Signature": base64.b64encode(digest).decode()}, b"", "GET")


def _sent(simulated: SimulatedRequest) -> Sent:
    return Sent(simulated.url, simulated.headers, simulated.body)


def raw(sent: Sent, newline: str = "\r\n") -> bytes:
    """Raw HTTP, as the server behind all proxies gets it."""
    parts = urlsplit(sent.url)
    target = sent.url.partition(parts.netloc)[2] or "/"
    lines = [f"{sent.method} {target} HTTP/1.1"]
    if not any(name.lower() == "host" for name in sent.headers):
        lines.append(f"Host: {parts.netloc}")
    lines += [f"{name}: {value}" for name, value in sent.headers.items()]
    return newline.join([*lines, "", ""]).encode() + sent.body


def curl(sent: Sent, data: str = "--data-raw") -> bytes:
    """A curl command as a browser or an inspector copies it."""
    words = ["curl", "-X", sent.method, sent.url]
    for name, value in sent.headers.items():
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, data, sent.body.decode()]).replace(" -H", " \\\n  -H").encode()


def har(*requests: Sent) -> bytes:
    """A HAR file of a browser or a proxy."""
    entries = [
        {
            "startedDateTime": NOW.isoformat(),
            "request": {
                "method": one.method,
                "url": one.url,
                "headers": [{"name": name, "value": text} for name, text in one.headers.items()],
                "postData": {
                    "mimeType": one.headers.get("Content-Type", ""),
                    "text": base64.b64encode(one.body).decode(),
                    "encoding": "base64",
                },
            },
        }
        for one in requests
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def rest_event(
    sent: Sent, *, stage: str = "prod", encoded: bool = False, headers: Sequence[str] = ()
) -> bytes:
    """An event of a REST API of API Gateway, whose own URL is ``sent.url``."""
    parts = urlsplit(sent.url)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    event = {
        "httpMethod": sent.method,
        "path": parts.path.removeprefix(f"/{stage}"),
        "headers": {**sent.headers, "Host": parts.netloc},
        "multiValueHeaders": {
            **{name: [value] for name, value in sent.headers.items()},
            "Host": [parts.netloc],
        },
        "multiValueQueryStringParameters": query or None,
        "requestContext": {"domainName": parts.netloc, "stage": stage, "path": parts.path},
        "body": base64.b64encode(sent.body).decode() if encoded else sent.body.decode(),
        "isBase64Encoded": encoded,
    }
    return json.dumps(event).encode()


def http_event(sent: Sent, *, host: str | None = None, marked: bool = True) -> bytes:
    """An event of an HTTP API or a function URL, with a body in base64."""
    parts = urlsplit(sent.url)
    event = {
        "version": "2.0",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": {name.lower(): text for name, text in sent.headers.items()}
        | {"host": parts.netloc},
        "requestContext": {
            "domainName": host or parts.netloc,
            "http": {"method": sent.method, "path": parts.path},
            "timeEpoch": int(NOW.timestamp() * 1000),
        },
        "body": base64.b64encode(sent.body).decode(),
        "isBase64Encoded": marked,
    }
    return json.dumps(event).encode()


def balancer_event(sent: Sent) -> bytes:
    """An event of a load balancer."""
    parts = urlsplit(sent.url)
    event = {
        "httpMethod": sent.method,
        "path": parts.path,
        "headers": {name.lower(): text for name, text in sent.headers.items()}
        | {"host": parts.netloc, "x-forwarded-proto": parts.scheme},
        "queryStringParameters": dict(
            parameter.split("=", 1) for parameter in parts.query.split("&") if parameter
        ),
        "requestContext": {"elb": {"targetGroupArn": "arn:invented"}},
        "body": sent.body.decode(),
        "isBase64Encoded": False,
    }
    return json.dumps(event).encode()
