"""What a mail's message tells besides its text: the metadata, and the signs of a program."""

import re
from collections.abc import Iterable

from domain.automated_mail import AUTO_RESPONSE_HEADER, LIST_HEADER, NotableHeaders
from domain.messages import AttachedFile
from infrastructure.mail.charsets import scrub
from infrastructure.mail.header_text import Headers, decode_words, first, mailboxes, one_line
from infrastructure.mail.parsed_mail import ParsedMail

_MAX_TEXT = 1_000
_MAX_ENTRIES = 100
_MAX_VALUES_OF_A_HEADER = 20

# Everything that RFC 3834, RFC 5230, RFC 2369 and mailers use to say that a program wrote.
_NOTABLE_HEADER = re.compile(
    r"auto-submitted|(?:x-)?precedence|preference|x-post-messageclass|list-[a-z-]{1,40}|x-auto[a-z-]{0,40}|return-path|feedback-id"
    rf"|content-type|{LIST_HEADER.pattern}|{AUTO_RESPONSE_HEADER.pattern}"
)
_MAX_NOTABLE_HEADERS = 40

# What calendars send each other (RFC 5546). A person who attaches a date publishes it, if anything.
_CALENDAR_TYPES = frozenset({"text/calendar", "application/ics"})
_CALENDAR_METHOD = re.compile(
    rb"^METHOD:(?:REQUEST|REPLY|ADD|CANCEL|REFRESH|COUNTER|DECLINECOUNTER)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_MAX_CALENDAR_BYTES = 65_536


def select_notable_headers(headers: Headers) -> dict[str, tuple[str, ...]]:
    """The headers that tell a machine's mail from a person's, cut to what storage bears."""
    names = [name for name in headers if _NOTABLE_HEADER.fullmatch(name)]
    return {
        name: tuple(_cut(value) for value in headers[name][:_MAX_VALUES_OF_A_HEADER])
        for name in names[:_MAX_NOTABLE_HEADERS]
    }


def notable_headers(mail: ParsedMail) -> NotableHeaders:
    """What the rules about fallbacks look at."""
    return NotableHeaders(
        headers=select_notable_headers(mail.headers),
        envelope_sender=mail.relay.envelope.sender,
        spam_score=mail.relay.spam_score,
        subject=mail.subject,
        calendar_message=any(map(_is_calendar_message, mail.content.files)),
    )


def _is_calendar_message(file: AttachedFile) -> bool:
    is_calendar = file.attachment.content_type in _CALENDAR_TYPES
    return is_calendar and bool(_CALENDAR_METHOD.search(file.content[:_MAX_CALENDAR_BYTES]))


def mail_metadata(mail: ParsedMail, notable: NotableHeaders) -> dict[str, object]:
    """The metadata of ``mail`` for its consumers: JSON types, unknown entries left out.

    ``notable`` are its notable headers.
    """
    envelope = mail.relay.envelope
    found: dict[str, object] = {
        "spf": mail.relay.spf or None,
        "dkim": _cut(mail.relay.dkim) or None,
        "envelope": {"from": envelope.sender, "to": _listed(envelope.recipients)},
        "from_name": _cut(mail.authors[0].name or "") or None if mail.authors else None,
        "other_authors": _listed(author.address for author in mail.authors[1:]),
        "to": _addresses(mail.headers, "to"),
        "cc": _addresses(mail.headers, "cc"),
        "reply_to": _addresses(mail.headers, "reply-to"),
        "date": _text(mail.headers, "date"),
        "message_id": mail.message_id,
        "in_reply_to": _text(mail.headers, "in-reply-to"),
        "references": list(mail.thread_references),
        "sender_ip": mail.relay.sender_ip,
        "spam_score": mail.relay.spam_score,
        "doubtful_charsets": list(mail.doubtful_charsets),
        "notable_headers": {name: list(values) for name, values in notable.headers.items()},
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _cut(text: str) -> str:
    return one_line(text)[:_MAX_TEXT]


def _text(headers: Headers, name: str) -> str | None:
    return _cut(decode_words(first(headers, name) or "")) or None


def _addresses(headers: Headers, name: str) -> list[str]:
    return _listed(box.address for box in mailboxes(headers.get(name, ())))


def _listed(texts: Iterable[str]) -> list[str]:
    return [_cut(scrub(text)) for text in texts][:_MAX_ENTRIES]
