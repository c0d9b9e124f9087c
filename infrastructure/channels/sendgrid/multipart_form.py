"""The multipart form that carries a mail, decoded to the exact bytes of each part (RFC 7578)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import multipart  # type: ignore[import-untyped]  # the package has no type information

from domain.errors import UnreadableMessageError
from infrastructure.mail.charsets import decode_utf8
from infrastructure.mail.mime_parameters import read_parameters

MAX_PARTS = 500
_MAX_PART_HEADER_BYTES = 8_192
_MAX_PART_HEADERS = 16
_MAX_HEAD_BYTES = _MAX_PART_HEADERS * (_MAX_PART_HEADER_BYTES + 2)
_END_OF_HEAD = b"\r\n\r\n"
_DAMAGED = "the form is damaged or cut off"
_OVER_A_LIMIT = "the form has too many parts or too long headers"
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
    return _sorted_into_form(_read_parts(body, first_line.end(), b"\r\n--" + first_line[1]))


def _read_parts(body: bytes, start: int, delimiter: bytes) -> list[FormFile]:
    """The parts, of which the first begins at ``start``; each content is copied once."""
    parts: list[FormFile] = []
    end_mark = b"\r\n"
    while end_mark == b"\r\n":
        # The line break before may be a delimiter's: then its part has no head.
        end = body.find(delimiter, start - 2)
        head_end = body.find(_END_OF_HEAD, start, end) if end != -1 else -1
        if head_end == -1:
            raise UnreadableMessageError(_DAMAGED)
        if len(parts) == MAX_PARTS or head_end - start > _MAX_HEAD_BYTES:
            raise UnreadableMessageError(_OVER_A_LIMIT)
        parts.append(
            _part(body[start:head_end], body[head_end + len(_END_OF_HEAD) : end]),
        )
        start = end + len(delimiter) + 2
        end_mark = body[start - 2 : start]
    if end_mark != b"--":
        raise UnreadableMessageError(_DAMAGED)
    # Another reader may take what follows for fields of the form, if a text could end it.
    if body[start : start + 3] not in {b"", b"\r\n"}:
        raise UnreadableMessageError("something follows the end of the form")
    return parts


def _part(raw_head: bytes, content: bytes) -> FormFile:
    # The heads of fields are the same in every form, those of files are not.
    head = _read_head(raw_head) if b"filename" in raw_head else _known_head(raw_head)
    if head.declared_bytes not in {None, str(len(content))}:
        raise UnreadableMessageError(_DAMAGED)
    return FormFile(head.name, head.filename, head.content_type, content)


class _Head(NamedTuple):
    name: str
    filename: str | None
    content_type: str | None
    declared_bytes: str | None


def _read_head(raw: bytes) -> _Head:
    parser = multipart.PushMultipartParser(
        "b",
        max_header_size=_MAX_PART_HEADER_BYTES,
        max_header_count=_MAX_PART_HEADERS,
        # Every byte is a Latin-1 character, so no file name is an error; see _field_text.
        header_charset="latin1",
    )
    try:
        segment = next(parser.parse(b"--b\r\n" + raw + _END_OF_HEAD))
    except multipart.ParserLimitReached as error:
        raise UnreadableMessageError(_OVER_A_LIMIT) from error
    except multipart.MultipartError as error:
        raise UnreadableMessageError(_DAMAGED) from error
    return _Head(
        _field_text(segment.name) or "",
        _filename(segment),
        segment.content_type,
        segment.header("Content-Length"),
    )


_known_head = lru_cache(maxsize=64)(_read_head)


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
