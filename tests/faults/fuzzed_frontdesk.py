"""A front desk for fuzzed input, signed validly so that every step of processing runs.

Used by the property tests, by the coverage-guided targets in ``fuzz/`` and by the bombs.
"""

import base64
import hashlib
import hmac
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import ec

from infrastructure.channels.sendgrid.simulator import sign
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.builders import NOW
from tests.faults.in_process import HttpRequest, InProcessFrontDesk, in_process_frontdesk
from tests.infrastructure.channels.sendgrid.webhooks import public_key

ACCOUNT_SID = "AC" + "0" * 32
TOKEN = "a-token-of-nobody"
KEY = ec.derive_private_key(20260406, ec.SECP256R1())
ORIGIN = "https://hooks.example.com"
BOUNDARY = "b0undary"
ENVELOPE = b'{"to": ["help@acme.example"], "from": "ana@example.com"}'

FORM = "application/x-www-form-urlencoded"
ALLOWED_STATUSES = frozenset({200, 401, 404, 405, 413})
"""The statuses that are allowed while all backends work: a 5xx is a defect."""

_REQUESTS_PER_FRONTDESK = 1_000
_SETTINGS = {
    "PUBLIC_BASE_URL": ORIGIN,
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key(KEY),
    "UNKNOWN_SENDER": "open",
}


class FuzzedFrontDesk:
    """Posts validly signed bytes, and fails on a status outside ``ALLOWED_STATUSES``."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._stack = ExitStack()
        self._requests = 0
        self._frontdesk = self._open()

    def _open(self) -> InProcessFrontDesk:
        return self._stack.enter_context(in_process_frontdesk(self._data_dir, _SETTINGS, now=NOW))

    def close(self) -> None:
        """Free the resources of the current front desk."""
        self._stack.close()

    def post(self, request: HttpRequest) -> int:
        """Post any HTTP request."""
        return self._checked(lambda frontdesk: frontdesk.post(request))

    def post_form(self, body: bytes) -> int:
        """Post a body, signed as Twilio signs it if it is a form."""
        return self.post(signed_form(body))

    def post_multipart(self, body: bytes) -> int:
        """Post a body, signed as SendGrid signs it."""
        return self.post(signed_mail(body))

    def post_raw_mail(self, raw: bytes) -> int:
        """Post a MIME message in raw mode."""
        return self.post_multipart(multipart(email=raw, envelope=ENVELOPE))

    def invoke(self, event: object) -> int:
        """Invoke the Lambda function with any event."""
        return self._checked(lambda frontdesk: _status(frontdesk.invoke(event)))

    def _checked(self, send: Any) -> int:
        self._requests += 1
        if self._requests % _REQUESTS_PER_FRONTDESK == 0:
            # The data in memory would otherwise grow without limit.
            self.close()
            self._frontdesk = self._open()
        status: int = send(self._frontdesk)
        metrics = self._frontdesk.container.metrics()
        assert isinstance(metrics, MemoryMetrics)
        assert status in ALLOWED_STATUSES, f"answered {status}"
        assert metrics.total("DeadLetters", kind="bug") == 0, "a dead letter of a defect"
        assert metrics.total("Errors") == 0, "an error was counted"
        return status


@contextmanager
def fuzzed_frontdesk() -> Iterator[FuzzedFrontDesk]:
    """A front desk in a temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        frontdesk = FuzzedFrontDesk(Path(directory))
        try:
            yield frontdesk
        finally:
            frontdesk.close()


def _status(response: dict[str, Any]) -> int:
    json.dumps(response)
    return int(response["statusCode"])


def signed_form(body: bytes) -> HttpRequest:
    """``body`` as Twilio posts it."""
    target = "/webhooks/sms"
    headers = (("content-type", FORM), ("x-twilio-signature", _twilio(ORIGIN + target, body)))
    return HttpRequest(target, body, headers)


def signed_mail(body: bytes) -> HttpRequest:
    """``body`` as SendGrid posts it."""
    return HttpRequest("/webhooks/email", body, mail_headers(body))


def _twilio(url: str, body: bytes) -> str:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=1_000)
    except ValueError:
        fields = {}
    text = url + "".join(
        name + value for name in sorted(fields) for value in sorted(set(fields[name]))
    )
    digest = hmac.digest(TOKEN.encode(), text.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(digest).decode()


def mail_headers(body: bytes) -> tuple[tuple[str, str], ...]:
    """The headers with which SendGrid posts ``body``."""
    timestamp = str(int(NOW.timestamp()))
    return (
        ("content-type", f"multipart/form-data; boundary={BOUNDARY}"),
        ("x-twilio-email-event-webhook-timestamp", timestamp),
        ("x-twilio-email-event-webhook-signature", sign(KEY, timestamp, body)),
    )


def multipart(**fields: bytes) -> bytes:
    """A form with these fields. A large one is copied only once."""
    delimiter = b"--" + BOUNDARY.encode()
    pieces: list[bytes] = []
    for name, value in fields.items():
        head = b'%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
        pieces += (head % (delimiter, name.replace("_", "-").encode()), value, b"\r\n")
    return b"".join((*pieces, delimiter, b"--\r\n"))
