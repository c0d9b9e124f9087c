"""A mail taken apart, whichever provider and format delivered it."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from domain.messages import AttachedFile
from infrastructure.mail.header_text import Headers, Mailbox, first, message_ids

MAX_MESSAGE_ID_LENGTH = 998
MAX_THREAD_REFERENCES = 50
MAX_RECIPIENTS = 50
"""Each takes about five round trips to the store, and a webhook has eight seconds in all."""

_ENOUGH_TO_BE_DISTINCT = 16
_LOCAL_AND_DOMAIN = re.compile(r"[^\s<>@]@[^\s<>@]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP said. ``sender`` is empty for bounces, ``None`` if it is not known."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relay:
    """What the provider found out while it received the mail.

    ``dkim`` and ``spf`` are its results as it wrote them, and ``passed_dkim_domains`` the
    domains, in ASCII, whose DKIM signature passed.
    """

    envelope: Envelope
    dkim: str = ""
    passed_dkim_domains: tuple[str, ...] = ()
    spf: str = ""
    sender_ip: str | None = None
    spam_score: float | None = None


class MisreadReason(StrEnum):
    """Why the body may lack what a mail program shows. Consumers know them by these names."""

    UNCERTAIN_CHARSET = "uncertain_charset"
    DAMAGED_ENCODING = "damaged_encoding"
    NO_VISIBLE_TEXT = "no_visible_text"
    WINMAIL_DAT = "winmail_dat"
    SMIME = "smime"
    PGP = "pgp"
    CALENDAR = "calendar"
    OTHER_FORMAT = "other_format"


@dataclass(frozen=True, slots=True)
class MisreadPart:
    """A text part of which something may have been misread, and its bytes as they came."""

    reason: MisreadReason
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailContent:
    """What a mail holds. ``text`` is ``None`` for a mail that only has HTML."""

    text: str | None
    html: str | None
    files: tuple[AttachedFile, ...]
    misread: tuple[MisreadPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail taken apart.

    ``headers`` are the mail's own. ``authors`` should be one; ``has_one_author`` is false where
    the relay may have found another. ``constant_pieces`` are the same whenever the provider
    delivers the mail again. ``doubtful_charsets`` names the form's fields of which characters
    may have been misread.
    """

    headers: Headers
    authors: tuple[Mailbox, ...]
    subject: str | None
    content: MailContent
    relay: Relay
    constant_pieces: tuple[bytes, ...] = field(repr=False)
    doubtful_charsets: tuple[str, ...] = ()
    has_one_author: bool = True

    @property
    def message_id(self) -> str | None:
        """The Message-ID as it stands; ``None`` if it is missing, absurdly long or says nothing.

        Mailers that are out of order give all of their mails the same one, like ``<>``.
        """
        message_id = (first(self.headers, "message-id") or "").strip()
        usable = len(message_id) <= MAX_MESSAGE_ID_LENGTH and _is_distinctive(message_id)
        return message_id if usable else None

    @property
    def content_hash(self) -> str:
        """A hash of all of it: for mail without a Message-ID. It reads 30 MB."""
        return hash_of(self.constant_pieces)

    @property
    def thread_references(self) -> tuple[str, ...]:
        """The mails before this one: the root of the thread first, then the latest."""
        references = self.headers.get("references", ()), self.headers.get("in-reply-to", ())
        ids = message_ids(value for values in references for value in values)
        is_short = len(ids) <= MAX_THREAD_REFERENCES
        return ids if is_short else ids[:1] + ids[1 - MAX_THREAD_REFERENCES :]


def _is_distinctive(message_id: str) -> bool:
    """Whether no other mail is likely to have it (RFC 5322, 3.6.4, read leniently).

    It has something on both sides of an ``@``, or else is long enough for a random text.
    """
    if _LOCAL_AND_DOMAIN.search(message_id):
        return True
    return sum(character.isalnum() for character in message_id) >= _ENOUGH_TO_BE_DISTINCT


def hash_of(pieces: Iterable[bytes]) -> str:
    """A hash that knows where one piece ends and the next begins."""
    outer = hashlib.sha256()
    for piece in pieces:
        outer.update(hashlib.sha256(piece).digest())
    return outer.hexdigest()
