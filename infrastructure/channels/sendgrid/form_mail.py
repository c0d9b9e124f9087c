"""The mail in SendGrid's form.

In raw mode one field has the whole MIME message. In parsed mode SendGrid took the mail apart:
https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

from collections.abc import Mapping

from domain.errors import UnreadableMessageError
from domain.messages import AttachedFile
from infrastructure.channels.sendgrid.form_fields import FormText, read_json, read_relay
from infrastructure.channels.sendgrid.multipart_form import Form, FormFile
from infrastructure.mail.author_alignment import has_one_author_field
from infrastructure.mail.charsets import scrub
from infrastructure.mail.header_text import decode_words, first, mailboxes, one_line, read_headers
from infrastructure.mail.mail_files import attached_file, bare_content_id, referenced_content_ids
from infrastructure.mail.mime_mail import read_mime_content
from infrastructure.mail.mime_reader import MimeReader
from infrastructure.mail.parsed_mail import (
    MailContent,
    MisreadPart,
    MisreadReason,
    ParsedMail,
)

MAX_SUBJECT_LENGTH = 1_000
_MAX_ENCODED_SUBJECT = 32_768
_RAW_FIELDS = ("email", "rawemail")
# Without what SendGrid may find anew on another attempt: boundary, scores, verdicts.
_CONSTANT_FIELDS = ("headers", "from", "to", "subject", "text", "html")


def read_mail(form: Form) -> ParsedMail:
    """The mail in ``form``, in either mode. Raises ``UnreadableMessageError``.

    Authors and subject come from the mail's headers, which are ASCII with encoded words. The
    form's own fields, in any charset, count only where the headers say nothing.
    """
    raw = _raw_message(form)
    fields = FormText(form)
    if raw is None:
        headers = read_headers(form.get("headers") or b"")
        content = _parsed_content(form, fields)
    else:
        reader = MimeReader(raw)
        headers, content = reader.headers, read_mime_content(reader)
    authors = mailboxes(headers.get("from", ())) or mailboxes(filter(None, [fields.get("from")]))
    subject = first(headers, "subject") or fields.get("subject") or ""
    return ParsedMail(
        headers=headers,
        authors=authors,
        subject=one_line(decode_words(subject[:_MAX_ENCODED_SUBJECT]))[:MAX_SUBJECT_LENGTH] or None,
        content=content,
        relay=read_relay(form),
        constant_pieces=_constant_pieces(form) if raw is None else (raw,),
        doubtful_charsets=tuple(dict.fromkeys([*fields.uncertain, *_doubtful_texts(content)])),
        has_one_author=raw is None or has_one_author_field(raw),
    )


def _raw_message(form: Form) -> bytes | None:
    found = [raw for raw in map(form.get, _RAW_FIELDS) if raw is not None]
    if len(found) > 1:
        raise UnreadableMessageError("the form has two raw mails")
    return found[0] if found else None


def _constant_pieces(form: Form) -> tuple[bytes, ...]:
    fields = (form.fields.get(name, b"") for name in _CONSTANT_FIELDS)
    return (*fields, *(file.content for file in form.files))


def _parsed_content(form: Form, fields: FormText) -> MailContent:
    text, html = fields.get("text"), fields.get("html")
    misread = (
        MisreadPart(MisreadReason.UNCERTAIN_CHARSET, content_type, form.fields[name])
        for name, content_type in (("text", "text/plain"), ("html", "text/html"))
        if name in fields.uncertain
    )
    infos = _objects(read_json(form.get("attachment-info")))
    content_ids = {
        field_name: content_id
        for content_id, field_name in _texts(read_json(form.get("content-ids"))).items()
    }
    shown = referenced_content_ids(html) if form.files else frozenset[str]()
    files = (
        _file(file, _texts(infos.get(file.field_name)), content_ids.get(file.field_name), shown)
        for file in form.files
    )
    return MailContent(text, html, tuple(files), tuple(misread))


def _file(
    file: FormFile, info: Mapping[str, str], content_id: str | None, shown: frozenset[str]
) -> AttachedFile:
    content_id = bare_content_id(content_id or info.get("content-id"))
    return attached_file(
        file.content,
        info.get("type") or file.content_type,
        info.get("filename") or file.filename,
        content_id,
        inline=content_id in shown,
    )


def _doubtful_texts(content: MailContent) -> list[str]:
    """The names that the form gives to the texts in ``content`` whose charset is uncertain."""
    return [
        "html" if part.content_type == "text/html" else "text"
        for part in content.misread
        if part.reason is MisreadReason.UNCERTAIN_CHARSET
    ]


def _objects(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> Mapping[str, str]:
    items = _objects(value).items()
    return {scrub(key): scrub(text) for key, text in items if isinstance(text, str)}
