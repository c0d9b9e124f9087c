"""Keys, parsers and webhooks for the tests of this channel."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from application.ports.webhook_parser import ParsedMessage, WebhookRequest
from domain.channels import ChannelType
from domain.messages import InboundMessage
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.parser import SendgridWebhookParser
from infrastructure.channels.sendgrid.simulator import SendgridSimulator
from infrastructure.configuration.secrets.accounts import SendgridAccount
from infrastructure.configuration.secrets.secret import Secret
from tests.builders import NOW, provider_accounts, verified

URL = "https://front.acme.example/webhooks/email"
ACCOUNT_NAME = "acme-mail"
KEY = ec.derive_private_key(20260304, ec.SECP256R1())
OTHER_KEY = ec.derive_private_key(20260305, ec.SECP256R1())
SIMULATOR = SendgridSimulator(KEY)
Part = tuple[str, bytes]


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key in the form that SendGrid shows."""
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def an_account(
    *public_keys: str, basic_auth: Sequence[str] = (), name: str = ACCOUNT_NAME
) -> SendgridAccount:
    return SendgridAccount(name, public_keys, tuple(map(Secret, basic_auth)))


def a_parser(
    *accounts: SendgridAccount, now: datetime = NOW, tolerance: timedelta = timedelta(hours=96)
) -> SendgridWebhookParser:
    trusted = accounts or (an_account(public_key(KEY)),)
    return SendgridWebhookParser(lambda: provider_accounts(*trusted), lambda: now, tolerance)


def as_received(request: SimulatedRequest) -> WebhookRequest:
    return WebhookRequest("POST", request.url, tuple(request.headers.items()), request.body, NOW)


def a_form(*parts: Part, boundary: str = "b0undary", end: bytes = b"--\r\n") -> WebhookRequest:
    """An unsigned request with these parts: (Content-Disposition, content)."""
    delimiter = b"--" + boundary.encode()
    body = b"".join(
        b"%s\r\nContent-Disposition: %s\r\n\r\n%s\r\n" % (delimiter, head.encode(), content)
        for head, content in parts
    )
    return posted(body + delimiter + end, boundary)


def posted(body: bytes, boundary: str = "b0undary") -> WebhookRequest:
    headers = (("content-type", f'multipart/form-data; boundary="{boundary}"'),)
    return WebhookRequest("POST", URL, headers, body, NOW)


def a_field(name: str, content: bytes) -> Part:
    return f'form-data; name="{name}"', content


def a_raw_mail(raw: bytes) -> WebhookRequest:
    """A webhook of raw mode with only the fields that it needs."""
    envelope = b'{"to": ["help@acme.example"], "from": "ana@example.com"}'
    return a_form(a_field("email", raw), a_field("envelope", envelope))


def parsed(request: WebhookRequest) -> tuple[ParsedMessage, ...]:
    return a_parser().parse(verified(request, ACCOUNT_NAME, ChannelType.EMAIL))


def the_message(request: WebhookRequest) -> InboundMessage:
    """The only message of a webhook."""
    (one,) = parsed(request)
    return one.message
