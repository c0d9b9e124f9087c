"""A capture that was broken in a known way, and what breaks it."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.entrypoints.cli.signatures.captures import (
    TWILIO,
    Sent,
    raw,
)

INSIDE = "http://127.0.0.1:8000/webhooks/sms"
BASE = ("PUBLIC_BASE_URL", "https://hooks.acme.example")


@dataclass(frozen=True)
class Case:
    """A broken capture. ``setting`` is what must be advised, ``options`` go to the command."""

    how: str
    capture: bytes = field(repr=False)
    causes: tuple[str, ...]
    setting: tuple[str, str] | None = None
    environment: dict[str, str] = field(default_factory=lambda: TWILIO, repr=False)
    options: tuple[str, ...] = ()
    advice: str = ""


def rewritten(sent: Sent, *pairs: tuple[str, str]) -> Sent:
    """With the fields written again by another program, as ``pairs``."""
    return sent.carrying(urlencode(pairs).encode())


def nonempty(sent: Sent) -> Sent:
    return rewritten(sent, *(pair for pair in sent.fields if pair[1]))


def signature_of(sent: Sent) -> str:
    return sent.headers["X-Twilio-Signature"]


def twice(sent: Sent) -> bytes:
    """Raw HTTP with a second signature header, of another program."""
    line = f"X-Twilio-Signature: {signature_of(sent)}\r\n".encode()
    return raw(sent).replace(line, line + b"X-Twilio-Signature: " + b"A" * 27 + b"=\r\n")


def whole_url(value: str) -> tuple[str, str]:
    return ("SMS_WEBHOOK_URL", value)
