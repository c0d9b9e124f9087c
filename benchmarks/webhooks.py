"""Webhooks of 100 known senders, signed as the providers sign, ready to be sent as bytes."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.load import write_requests
from domain.channels import ChannelType
from domain.conversations import Conversation
from entrypoints.composition.container import build_container
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, SimulatedFile
from infrastructure.channels.twilio.simulator import TwilioSimulator

ORIGIN = "https://desk.example.com"
ACCOUNT_SID = "AC00000000000000000000000000000042"
AUTH_TOKEN = "the token of an invented account"  # noqa: S105 - of an invented account
MAIL_KEY = ec.derive_private_key(20261128, ec.SECP256R1())
MAIL_PASSWORD = "mail:password"  # noqa: S105 - of an invented account
SENDERS = 100
NUMBER = "+15005550006"
MAILBOX = "help@desk.example.com"

_TEXT = "Is my order on its way? It was promised for Tuesday, and I leave the day after. "
_PLAIN_BYTES = 3_000
_WITHOUT_FILE = 20_000
"""Up to this size a mail is text and HTML; a larger one has a file."""


def phone(number: int) -> str:
    """The number of one of the senders."""
    return f"+1415555{number % SENDERS:04}"


def mail_address(number: int) -> str:
    """The address of one of the senders."""
    return f"customer-{number % SENDERS}@example.org"


def sms(count: int) -> Iterator[SimulatedRequest]:
    """SMS of the senders in turn, each unlike any other."""
    twilio = TwilioSimulator(ACCOUNT_SID, AUTH_TOKEN)
    for number in range(count):
        yield twilio.request(
            f"{ORIGIN}/webhooks/sms",
            ChannelType.SMS,
            sender=phone(number),
            recipient=NUMBER,
            body="Is my order on its way?",
        )


def mail(count: int, size_bytes: int) -> Iterator[SimulatedRequest]:
    """Mails of about this size, of the senders in turn, each unlike any other."""
    sendgrid = SendgridSimulator(MAIL_KEY, MAIL_PASSWORD)
    plain = _repeated(_PLAIN_BYTES)
    html = f"<html><body><p>{_repeated(min(size_bytes, 10_000) - 2_000 - _PLAIN_BYTES)}</p></body>"
    files = () if size_bytes < _WITHOUT_FILE else (_file(size_bytes - 10_000),)
    for number in range(count):
        yield sendgrid.request(
            f"{ORIGIN}/webhooks/email",
            sender=mail_address(number),
            recipient=MAILBOX,
            subject="My order",
            text=plain,
            html=html,
            attachments=files,
            now=datetime.now(UTC),
        )


def store(path: Path, webhooks: Iterator[SimulatedRequest]) -> Path:
    """Write them for the client, as HTTP."""
    write_requests(path, map(_as_http, webhooks))
    return path


def open_conversations(environ: dict[str, str], channel: ChannelType) -> None:
    """In the store of these settings, one for each sender of a channel."""
    address, recipient = (
        (mail_address, MAILBOX) if channel is ChannelType.EMAIL else (phone, NUMBER)
    )
    container = build_container(environ)
    conversations = container.conversation_store()
    for number in range(SENDERS):
        conversations.open_conversation(
            Conversation(f"{channel}-{number}", channel, address(number), recipient)
        )
    container.shutdown_resources()


def _as_http(webhook: SimulatedRequest) -> bytes:
    address = urlsplit(webhook.url)
    lines = [
        f"POST {address.path} HTTP/1.1",
        f"Host: {address.netloc}",
        *(f"{name}: {value}" for name, value in webhook.headers.items()),
        f"Content-Length: {len(webhook.body)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + webhook.body


def _repeated(size: int) -> str:
    return (_TEXT * (size // len(_TEXT) + 1))[:size]


@cache
def _file(size: int) -> SimulatedFile:
    content = random.Random(size).randbytes(size)  # noqa: S311 - content, no secret
    return "photos.zip", "application/zip", content
