"""Parsed mode: SendGrid took the mail apart, and the form has its texts and files as fields.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

from collections.abc import Mapping

from infrastructure.channels.sendgrid.form_fields import (
    FormText,
    read_authors,
    read_json,
    read_relay,
    read_subject,
)
from infrastructure.channels.sendgrid.multipart_form import Form, FormFile
from infrastructure.mail.charsets import scrub
from infrastructure.mail.header_text import NO_HEADERS, decode_words, read_headers
from infrastructure.mail.mail_files import bare_content_id, referenced_content_ids
from infrastructure.mail.parsed_mail import MailFile, ParsedMail, hash_of


def read_parsed_mail(form: Form) -> ParsedMail:
    """The mail whose parts are fields of ``form``.

    Addresses and subject come from ``headers``, which is ASCII with encoded words; the
    fields of the same names may be in any charset. Raises ``UnreadableMessageError``.
    """
    block = form.get("headers")
    headers = read_headers(block) if block else NO_HEADERS
    texts = FormText(form)
    html = texts.get("html")
    return ParsedMail(
        headers=headers,
        authors=read_authors(headers, texts),
        subject=read_subject(headers, texts),
        text=texts.get("text"),
        html=html,
        files=_files(form, html),
        relay=read_relay(form),
        content_hash=_content_hash(form),
        uncertain_charsets=tuple(texts.uncertain),
    )


def _content_hash(form: Form) -> str:
    # Not what SendGrid may find anew on another attempt: boundary, scores, verdicts.
    fields = ("headers", "from", "to", "subject", "text", "html")
    pieces = [form.fields.get(name, b"") for name in fields]
    return hash_of([*pieces, *(file.content for file in form.files)])


def _files(form: Form, html: str | None) -> tuple[MailFile, ...]:
    infos = _objects(read_json(form.get("attachment-info")))
    content_ids = {
        field_name: content_id
        for content_id, field_name in _texts(read_json(form.get("content-ids"))).items()
    }
    shown = referenced_content_ids(html)
    return tuple(
        _file(file, _texts(infos.get(file.field_name)), content_ids.get(file.field_name), shown)
        for file in form.files
    )


def _file(
    file: FormFile, info: Mapping[str, str], content_id: str | None, shown: frozenset[str]
) -> MailFile:
    content_id = bare_content_id(content_id or info.get("content-id"))
    filename = info.get("filename") or file.filename
    return MailFile(
        filename=decode_words(filename) if filename else None,
        content_type=info.get("type") or file.content_type,
        content=file.content,
        content_id=content_id,
        inline=content_id is not None and content_id in shown,
    )


def _objects(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> Mapping[str, str]:
    items = _objects(value).items()
    return {scrub(key): scrub(text) for key, text in items if isinstance(text, str)}
