"""The multipart form that carries a mail, decoded to the exact bytes of each part (RFC 7578)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import multipart  # type: ignore[import-untyped]  # the package has no type information

from domain.errors import UnreadableMessageError
from infrastructure.mail.charsets import decode_utf8
from infrastructure.mail.mime_parameters import read_parameters

MAX_PARTS = 500
_MAX_PART_HEADER_BYTES = 8_192
_MAX_PART_HEADERS = 16
_FIRST_LINE = re.compile(rb"--([\x20-\x7e]{1,200})\r\n")

# A form with two of one of these could be read in two ways: it becomes a dead letter, not a guess.
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


def read_form(body: bytes) -> Form:
    """The form in ``body``, which says itself what its boundary is.

    The request's ``Content-Type`` is not asked: SendGrid signs the body alone, and another
    boundary would make another mail of it, out of what a sender wrote in a text.

    Raises ``UnreadableMessageError`` when it is no complete form with nothing before and
    nothing after it, has over 500 parts, or has a field twice that says who wrote.
    """
    first_line = _FIRST_LINE.match(body)
    if first_line is None:
        raise UnreadableMessageError("the body does not begin with a boundary")
    boundary = first_line[1]
    parser = multipart.PushMultipartParser(
        boundary,
        max_header_size=_MAX_PART_HEADER_BYTES,
        max_header_count=_MAX_PART_HEADERS,
        max_segment_count=MAX_PARTS,
        # Every byte is a Latin-1 character, so no file name is an error; see _field_text.
        header_charset="latin1",
    )
    try:
        parts = _read_parts(parser, body)
    except multipart.ParserLimitReached as error:
        raise UnreadableMessageError("the form has too many parts or too long headers") from error
    except multipart.MultipartError as error:
        raise UnreadableMessageError("the form is damaged or cut off") from error
    _check_end(body, boundary)
    return _sorted_into_form(parts)


def _check_end(body: bytes, boundary: bytes) -> None:
    """The parser ignores what follows the form: fields of the real one, if a text could end it."""
    closing = b"\r\n--" + boundary + b"--"
    end = body.find(closing) + len(closing)
    if not (end == len(body) or (end == len(body) - 2 and body.endswith(b"\r\n"))):
        raise UnreadableMessageError("something follows the end of the form")


def _read_parts(parser: "multipart.PushMultipartParser", body: bytes) -> list[FormFile]:
    parts: list[FormFile] = []
    segment, chunks = None, list[bytes]()
    for event in parser.parse(body):
        if event is None and segment is not None:
            name, content = _field_text(segment.name) or "", b"".join(chunks)
            parts.append(FormFile(name, _filename(segment), segment.content_type, content))
            segment, chunks = None, []
        elif isinstance(event, bytes):
            chunks.append(event)
        else:
            segment = event
    parser.close()  # raises if the end of the form never came
    return parts


def _filename(segment: "multipart.MultipartSegment") -> str | None:
    """The file name of a part, also in the form of RFC 2231, which the parser leaves out."""
    disposition = segment.header("Content-Disposition") or ""
    if "*" not in disposition:
        return _field_text(segment.filename)
    return read_parameters(_field_text(disposition) or "").get("filename")


def _field_text(latin1: str | None) -> str | None:
    return None if latin1 is None else decode_utf8(latin1.encode("latin-1"))


def _sorted_into_form(parts: list[FormFile]) -> Form:
    fields: dict[str, bytes] = {}
    files: list[FormFile] = []
    for part in parts:
        name = part.field_name.lower()
        is_unknown_file = part.filename is not None and name not in _TEXT_FIELDS
        if is_unknown_file or _ATTACHMENT_NAME.fullmatch(name):
            files.append(part)
        elif name in fields and name in _ONLY_ONCE:
            raise UnreadableMessageError(f"the form has the field {name} twice")
        else:
            fields.setdefault(name, part.content)
    return Form(fields, tuple(files))
