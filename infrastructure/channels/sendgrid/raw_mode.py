"""Raw mode: the form has the whole MIME message in one field, ``email`` or ``rawEmail``."""

from collections.abc import Iterable

from domain.errors import UnreadableMessageError
from infrastructure.channels.sendgrid.charsets import decode
from infrastructure.channels.sendgrid.header_text import decode_words, read_headers
from infrastructure.channels.sendgrid.mail import (
    FormText,
    MailFile,
    ParsedMail,
    hash_of,
    read_authors,
    read_relay,
    read_subject,
)
from infrastructure.channels.sendgrid.mime_parts import MimePart, MimeReader, header_block
from infrastructure.channels.sendgrid.multipart_form import Form
from infrastructure.channels.sendgrid.parsed_mode import bare_content_id, referenced_content_ids

RAW_FIELDS = ("email", "rawemail")


def raw_message_of(form: Form) -> bytes | None:
    """The MIME message in ``form``; ``None`` if SendGrid delivers in parsed mode."""
    found = [raw for raw in map(form.get, RAW_FIELDS) if raw is not None]
    if len(found) > 1:
        raise UnreadableMessageError("the form has two raw mails")
    return found[0] if found else None


def read_raw_mail(form: Form, raw: bytes) -> ParsedMail:
    """The mail in ``raw``, a field of ``form``. Raises ``UnreadableMessageError``."""
    headers = read_headers(header_block(raw))
    leaves = list(MimeReader(raw).parts())
    texts = FormText(form)
    text, text_doubtful = _joined(leaves, "text/plain")
    html, html_doubtful = _joined(leaves, "text/html")
    return ParsedMail(
        headers=headers,
        authors=read_authors(headers, texts),
        subject=read_subject(headers, texts),
        text=text,
        html=html,
        files=_files(leaves, referenced_content_ids(html)),
        relay=read_relay(form),
        content_hash=hash_of([raw]),
        doubtful_charsets=(
            *texts.doubtful,
            *(["text"] if text_doubtful else []),
            *(["html"] if html_doubtful else []),
        ),
    )


def _is_body(leaf: MimePart, content_type: str) -> bool:
    return (
        leaf.content_type == content_type
        and leaf.disposition != "attachment"
        and leaf.filename is None
    )


def _joined(leaves: Iterable[MimePart], content_type: str) -> tuple[str | None, bool]:
    """The text of a kind (mailers cut it where they show images), and whether it is in doubt."""
    decoded = [
        decode(leaf.content, leaf.charset) for leaf in leaves if _is_body(leaf, content_type)
    ]
    text = "\n".join(part.text for part in decoded)
    return text or None, any(part.doubtful for part in decoded)


def _files(leaves: Iterable[MimePart], shown: frozenset[str]) -> tuple[MailFile, ...]:
    return tuple(
        _file(leaf, shown)
        for leaf in leaves
        if not (_is_body(leaf, "text/plain") or _is_body(leaf, "text/html"))
    )


def _file(leaf: MimePart, shown: frozenset[str]) -> MailFile:
    content_id = bare_content_id(leaf.content_id)
    return MailFile(
        filename=decode_words(leaf.filename) if leaf.filename else None,
        content_type=leaf.content_type,
        content=leaf.content,
        content_id=content_id,
        inline=leaf.disposition == "inline" or (content_id is not None and content_id in shown),
    )
