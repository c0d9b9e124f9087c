"""A mail as Frontdesk sees it, whichever way SendGrid was set up to deliver it."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.errors import UnreadableMessageError
from infrastructure.channels.sendgrid.charsets import DecodedText, decode, scrub
from infrastructure.channels.sendgrid.header_text import (
    Headers,
    Mailbox,
    decode_words,
    first,
    mailboxes,
    message_ids,
    one_line,
)
from infrastructure.channels.sendgrid.multipart_form import Form

MAX_SUBJECT_LENGTH = 1_000
MAX_MESSAGE_ID_LENGTH = 998
MAX_THREAD_REFERENCES = 50
MAX_RECIPIENTS = 50
"""Each takes about five round trips to the store, and a webhook has eight seconds in all."""

MAX_JSON_BYTES = 1_000_000
"""Of a field. The files of the largest form have names of some hundred kilobytes."""

_MAX_ENCODED_SUBJECT = 32_768
_ENOUGH_TO_BE_DISTINCT = 16
_LOCAL_AND_DOMAIN = re.compile(r"[^\s<>@]@[^\s<>@]")


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file of the mail. ``filename`` and ``content_type`` are as the sender had them."""

    filename: str | None
    content_type: str | None
    content: bytes = field(repr=False)
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP said. ``sender`` is empty for bounces, ``None`` if it is not known."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relay:
    """What SendGrid found out itself while it received the mail."""

    envelope: Envelope
    dkim: str = ""
    spf: str = ""
    sender_ip: str | None = None
    spam_score: float | None = None


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail taken apart; the same for parsed and for raw mode.

    ``headers`` are the mail's own. ``authors`` should be one. ``content_hash`` is the same
    whenever SendGrid delivers the mail again. ``doubtful_charsets`` names the parts of which
    characters may have been misread.
    """

    headers: Headers
    authors: tuple[Mailbox, ...]
    subject: str | None
    text: str | None
    html: str | None
    files: tuple[MailFile, ...]
    relay: Relay
    content_hash: str
    doubtful_charsets: tuple[str, ...] = ()

    @property
    def message_id(self) -> str | None:
        """The Message-ID as it stands; ``None`` if it is missing, absurdly long or says nothing.

        Mailers that are out of order give all of their mails the same one, like ``<>``.
        """
        message_id = (first(self.headers, "message-id") or "").strip()
        usable = len(message_id) <= MAX_MESSAGE_ID_LENGTH and _is_distinctive(message_id)
        return message_id if usable else None

    @property
    def thread_references(self) -> tuple[str, ...]:
        """The mails before this one: the root of the thread first, then the latest."""
        references = self.headers.get("references", ()), self.headers.get("in-reply-to", ())
        ids = message_ids(value for values in references for value in values)
        return (
            ids if len(ids) <= MAX_THREAD_REFERENCES else ids[:1] + ids[1 - MAX_THREAD_REFERENCES :]
        )


def _is_distinctive(message_id: str) -> bool:
    """Whether no other mail is likely to have it (RFC 5322, 3.6.4, read leniently).

    It has something on both sides of an ``@``, or else is long enough for a random text.
    """
    if _LOCAL_AND_DOMAIN.search(message_id):
        return True
    return sum(character.isalnum() for character in message_id) >= _ENOUGH_TO_BE_DISTINCT


class FormText:
    """Reads fields of the form as text, in the charsets that the form names, and keeps score."""

    def __init__(self, form: Form) -> None:
        self._form = form
        charsets = read_json(form.get("charsets"))
        self._charsets: Mapping[str, object] = charsets if isinstance(charsets, dict) else {}
        self.doubtful: list[str] = []
        if form.get("charsets") and not isinstance(charsets, dict):
            self.doubtful.append("charsets")

    def get(self, name: str) -> str | None:
        """The text of a field; ``None`` if it is missing or empty."""
        raw = self._form.get(name)
        if raw is None:
            return None
        charset = self._charsets.get(name)
        decoded: DecodedText = decode(raw, charset if isinstance(charset, str) else None)
        if decoded.doubtful:
            self.doubtful.append(name)
        return decoded.text


def read_relay(form: Form) -> Relay:
    """What the form says besides the mail itself; whatever of it is broken counts as missing."""
    return Relay(
        envelope=_envelope(read_json(form.get("envelope"))),
        dkim=_short_text(form, "dkim", 10_000) or "",
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


def read_authors(headers: Headers, form_text: FormText) -> tuple[Mailbox, ...]:
    """Who says to have written; the form's own field only where the mail's is of no use."""
    in_mail = mailboxes(headers.get("from", ()))
    return in_mail or mailboxes(filter(None, [form_text.get("from")]))


def read_subject(headers: Headers, form_text: FormText) -> str | None:
    """The subject on one line, its encoded words decoded."""
    subject = first(headers, "subject") or form_text.get("subject")
    decoded = decode_words((subject or "")[:_MAX_ENCODED_SUBJECT])
    return one_line(decoded)[:MAX_SUBJECT_LENGTH] or None


def hash_of(pieces: Iterable[bytes]) -> str:
    """A hash that knows where one piece ends and the next begins."""
    outer = hashlib.sha256()
    for piece in pieces:
        outer.update(hashlib.sha256(piece).digest())
    return outer.hexdigest()
