"""The fields of SendGrid's form that stand beside the mail, and texts in their charsets."""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress

from domain.addresses import ascii_domain
from domain.errors import InvalidAddressError, UnreadableMessageError
from infrastructure.channels.sendgrid.multipart_form import Form
from infrastructure.mail.charsets import DecodedText, decode, scrub
from infrastructure.mail.header_text import one_line
from infrastructure.mail.parsed_mail import MAX_RECIPIENTS, Envelope, Relay

MAX_JSON_BYTES = 1_000_000
"""Of a field. The files of the largest form have names of some hundred kilobytes."""

# SendGrid writes {@example.com : pass}, several of them one way or another, or "none".
_RESULT = re.compile(r"@([^\s:{},@]{1,255})\s{0,9}:\s{0,9}([a-z]{1,20})", re.IGNORECASE)
_BETWEEN_RESULTS = re.compile(r"[\s{},]*")


class FormText:
    """Reads fields of the form as text, in the charsets that the form names, and keeps score."""

    def __init__(self, form: Form) -> None:
        self._form = form
        charsets = read_json(form.get("charsets"))
        self._charsets: Mapping[str, object] = charsets if isinstance(charsets, dict) else {}
        self.uncertain: list[str] = []
        if form.get("charsets") and not isinstance(charsets, dict):
            self.uncertain.append("charsets")

    def get(self, name: str) -> str | None:
        """The text of a field; ``None`` if it is missing or empty."""
        raw = self._form.get(name)
        if raw is None:
            return None
        charset = self._charsets.get(name)
        decoded: DecodedText = decode(raw, charset if isinstance(charset, str) else None)
        if decoded.uncertain:
            self.uncertain.append(name)
        return decoded.text


def read_relay(form: Form) -> Relay:
    """What the form says besides the mail itself; whatever of it is broken counts as missing."""
    dkim = _short_text(form, "dkim", 10_000) or ""
    return Relay(
        envelope=_envelope(read_json(form.get("envelope"))),
        dkim=dkim,
        passed_dkim_domains=passed_dkim_domains(dkim),
        spf=_short_text(form, "spf", 200) or "",
        sender_ip=_short_text(form, "sender_ip", 45),
        spam_score=_number(_short_text(form, "spam_score", 30)),
    )


def _envelope(found: object) -> Envelope:
    if not isinstance(found, dict):
        return Envelope()
    to, sender = found.get("to"), found.get("from")
    recipients = to if isinstance(to, list) else [to]
    if len(recipients) > MAX_RECIPIENTS:
        raise UnreadableMessageError("the envelope has too many recipients")
    return Envelope(
        sender=one_line(scrub(sender))[:1_000] if isinstance(sender, str) else None,
        recipients=tuple(scrub(entry) for entry in recipients if isinstance(entry, str)),
    )


def _short_text(form: Form, name: str, length: int) -> str | None:
    raw = form.get(name)
    return one_line(decode(raw[: 4 * length], None).text)[:length] if raw else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_json(raw: bytes | None) -> object:
    """The JSON value in ``raw``; ``None`` if there is none.

    Raises ``UnreadableMessageError`` over ``MAX_JSON_BYTES``.
    """
    if raw and len(raw) > MAX_JSON_BYTES:
        raise UnreadableMessageError("a JSON field of the form is too large")
    try:
        value: object = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None
    return value


def passed_dkim_domains(statuses: str) -> tuple[str, ...]:
    """The domains whose DKIM signature passed; none if the text is not of the known form."""
    if _BETWEEN_RESULTS.fullmatch(_RESULT.sub("", statuses)) is None:
        return ()
    passed = []
    for domain, status in _RESULT.findall(statuses):
        if status.lower() == "pass":
            with suppress(InvalidAddressError):
                passed.append(ascii_domain(domain))
    return tuple(passed)
