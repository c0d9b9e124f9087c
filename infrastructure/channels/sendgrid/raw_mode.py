"""Raw mode: the form has the whole MIME message in one field, ``email`` or ``rawEmail``."""

from domain.errors import UnreadableMessageError
from infrastructure.channels.sendgrid.form_fields import (
    FormText,
    read_authors,
    read_relay,
    read_subject,
)
from infrastructure.channels.sendgrid.multipart_form import Form
from infrastructure.mail.header_text import read_headers
from infrastructure.mail.mime_mail import read_mime_content
from infrastructure.mail.mime_parts import header_block
from infrastructure.mail.parsed_mail import ParsedMail, hash_of

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
    content = read_mime_content(raw)
    texts = FormText(form)
    return ParsedMail(
        headers=headers,
        authors=read_authors(headers, texts),
        subject=read_subject(headers, texts),
        text=content.text,
        html=content.html,
        files=content.files,
        relay=read_relay(form),
        content_hash=hash_of([raw]),
        uncertain_charsets=(*texts.uncertain, *content.uncertain_charsets),
    )
