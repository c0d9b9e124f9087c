"""The multipart form that carries a mail, decoded to the exact bytes of each part (RFC 7578)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import multipart  # type: ignore[import-untyped]  # the package has no type information

from domain.errors import UnreadableMessageError
from infrastructure.channels.sendgrid.charsets import decode_utf8

MAX_PARTS = 500
_MAX_PART_HEADER_BYTES = 8_192
_MAX_PART_HEADERS = 16
_MAX_CONTENT_TYPE = 1_000

# A form with two of one of these could be read in two ways: it is put aside, not guessed at.
_ONLY_ONCE = frozenset(
    {"envelope", "spf", "dkim", "from", "headers", "email", "rawemail", "charsets"}
)
_ATTACHMENT_NAME = re.compile(r"attachment[0-9]{1,6}")
_TEXT_FIELDS = _ONLY_ONCE | {
    *("to", "cc", "subject", "text", "html", "sender_ip"),
    *("attachments", "attachment-info", "content-ids", "spam_report", "spam_score"),
}


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of the form. ``filename`` is what the wire says: anything, or nothing."""

    field_name: str
    filename: str | None
    content_type: str | None
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of the form, under lower-case names, and its files in order."""

    fields: Mapping[str, bytes] = field(repr=False)
    files: tuple[FormFile, ...]

    def get(self, name: str) -> bytes | None:
        """The bytes of a field; ``None`` if it is missing or empty."""
        return self.fields.get(name) or None


def read_form(content_type: str | None, body: bytes) -> Form:
    """The form in ``body``.

    Raises ``UnreadableMessageError`` when it is no complete form, has over 500 parts, or
    has a field twice that says who wrote.
    """
    parser = multipart.PushMultipartParser(
        _boundary(content_type),
        max_header_size=_MAX_PART_HEADER_BYTES,
        max_header_count=_MAX_PART_HEADERS,
        max_segment_count=MAX_PARTS,
        # Every byte is a Latin-1 character, so no file name is an error; see _wire_text.
        header_charset="latin1",
    )
    try:
        parts = _read_parts(parser, body)
    except multipart.ParserLimitReached as error:
        raise UnreadableMessageError("the form has too many parts or too long headers") from error
    except multipart.MultipartError as error:
        raise UnreadableMessageError("the form is damaged or cut off") from error
    return _sorted_into_form(parts)


def _boundary(content_type: str | None) -> str:
    if content_type is None or len(content_type) > _MAX_CONTENT_TYPE:
        raise UnreadableMessageError("the request has no usable content type")
    media_type, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if media_type != "multipart/form-data":
        raise UnreadableMessageError("the request is not a multipart form")
    if not isinstance(boundary, str) or not re.fullmatch(r"[\x20-\x7e]{1,200}", boundary):
        raise UnreadableMessageError("the form has no usable boundary")
    return boundary


def _read_parts(parser: "multipart.PushMultipartParser", body: bytes) -> list[FormFile]:
    parts: list[FormFile] = []
    segment, chunks = None, list[bytes]()
    for event in parser.parse(body):
        if event is None and segment is not None:
            name, filename = _wire_text(segment.name), _wire_text(segment.filename)
            content = b"".join(chunks)
            parts.append(FormFile(name or "", filename, segment.content_type, content))
            segment, chunks = None, []
        elif isinstance(event, bytes):
            chunks.append(event)
        else:
            segment = event
    parser.close()  # raises if the end of the form never came
    return parts


def _wire_text(latin1: str | None) -> str | None:
    return None if latin1 is None else decode_utf8(latin1.encode("latin-1"))


def _sorted_into_form(parts: list[FormFile]) -> Form:
    fields: dict[str, bytes] = {}
    files: list[FormFile] = []
    for part in parts:
        name = part.field_name.lower()
        if _ATTACHMENT_NAME.fullmatch(name) or (part.filename is not None and not _is_field(name)):
            files.append(part)
        elif name in fields and name in _ONLY_ONCE:
            raise UnreadableMessageError(f"the form has the field {name} twice")
        else:
            fields.setdefault(name, part.content)
    return Form(fields, tuple(files))


def _is_field(name: str) -> bool:
    return name in _TEXT_FIELDS
