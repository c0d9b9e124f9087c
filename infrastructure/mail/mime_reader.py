"""MIME (RFC 2046) taken apart without building it first, so that no bomb can go off.

Parts are ranges of the raw bytes, found by their boundaries. Their number, their depth and
the size of their headers are limited while they are counted: what the standard library needs
a minute for, or a recursion error, is refused after a look at it.
"""

import binascii
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from itertools import chain

from domain.errors import UnreadableMessageError
from infrastructure.mail.charsets import decode
from infrastructure.mail.header_text import MAX_HEADER_BYTES, Headers, first, read_headers

MAX_DEPTH = 50
MAX_PARTS = 500
_MAX_PART_HEADER_BYTES = 32_768
_MAX_PARAMETER_HEADER = 1_000
# Every level of nesting searches all that it holds: 50 of them around 10 MB, or 16 around 32.
_MAX_SEARCHED_BYTES = 512 * 1024 * 1024
_LIMITS = {
    "parts": (MAX_PARTS, "the mail has too many MIME parts"),
    "lines like boundaries": (10_000, "the mail has too many MIME boundaries"),
    "searched bytes": (_MAX_SEARCHED_BYTES, "the mail is nested too deeply for its size"),
}

_BOUNDARY = re.compile(r"[\x20-\x7e]{1,200}")
_BLANK_LINES = (b"\r\n", b"\n")


@dataclass(frozen=True, slots=True)
class MimePart:
    """A part that holds no others. ``content`` is decoded from its transfer encoding."""

    content_type: str
    charset: str | None
    filename: str | None
    content_id: str | None
    disposition: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class _Range:
    """A part of the raw mail, its headers included."""

    start: int
    end: int
    depth: int
    digest: bool = False


class MimeReader:
    """Reads one mail, within limits that hold for the whole of it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._counts = Counter(parts=1)

    def parts(self) -> Iterator[MimePart]:
        """The parts that hold no others, in order. Raises ``UnreadableMessageError``."""
        backlog = [_Range(0, len(self._raw), 0)]
        while backlog:
            part = backlog.pop()
            headers, body_start = self._split(part)
            fields = _Fields(headers, digest=part.digest)
            inner = self._inner_parts(part, fields, body_start)
            if inner:
                backlog += reversed(inner)
            else:
                yield fields.leaf(self._raw[body_start : part.end])

    def _split(self, part: _Range) -> tuple[Headers, int]:
        """The headers of a part, and where its body starts."""
        most = _MAX_PART_HEADER_BYTES if part.depth else MAX_HEADER_BYTES
        limit = min(part.end, part.start + most + 4)
        end = _header_end(self._raw, part.start, limit)
        if end is None:
            if limit < part.end:
                raise UnreadableMessageError("the headers of a MIME part are too large")
            end = part.end, part.end
        return read_headers(self._raw[part.start : end[0]]), end[1]

    def _inner_parts(self, part: _Range, fields: "_Fields", body_start: int) -> list[_Range]:
        boundary = fields.boundary
        if boundary is None:
            return []
        if part.depth >= MAX_DEPTH:
            raise UnreadableMessageError("the mail is nested too deeply")
        inner: list[_Range] = []
        start: int | None = None
        # Where the closing boundary is missing, the end of the whole closes the last part.
        delimiters = self._delimiters(boundary, body_start, part.end)
        for line_start, line_end, is_last in chain(delimiters, [(part.end, part.end, True)]):
            if start is not None:
                inner.append(_Range(start, max(start, line_start), part.depth + 1, fields.digest))
                self._count("parts")
            start = line_end
            if is_last:
                break
        return inner

    def _delimiters(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Each boundary line: where it starts and ends, and whether it is the closing one."""
        self._count("searched bytes", end - start)
        needle = b"\n--" + boundary
        # The body follows a line break, which the first boundary may need.
        position = self._raw.find(needle, max(start - 1, 0), end)
        while position != -1:
            self._count("lines like boundaries")
            after = position + len(needle)
            is_last = self._raw.startswith(b"--", after)
            line_end = self._raw.find(b"\n", after, end)
            line_end = end if line_end == -1 else line_end + 1
            rest = self._raw[after + 2 * is_last : min(line_end, after + 200)]
            if not rest.strip():
                line_start = position - (self._raw[position - 1 : position] == b"\r")
                yield line_start, line_end, is_last
            position = self._raw.find(needle, max(after, line_end - 1), end)

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] += number
        limit, problem = _LIMITS[what]
        if self._counts[what] > limit:
            raise UnreadableMessageError(problem)


def header_block(raw: bytes) -> bytes:
    """The headers of a raw mail."""
    end = _header_end(raw, 0, min(len(raw), MAX_HEADER_BYTES + 4))
    return raw[: MAX_HEADER_BYTES + 1 if end is None else end[0]]


def _header_end(raw: bytes, start: int, limit: int) -> tuple[int, int] | None:
    """Where the headers end and the body starts; a part may begin with its body at once."""
    for blank in _BLANK_LINES:
        if raw.startswith(blank, start, limit):
            return start, start + len(blank)
    found = ((raw.find(b"\n" + blank, start, limit), blank) for blank in _BLANK_LINES)
    ends = [(at + 1, at + 1 + len(blank)) for at, blank in found if at != -1]
    return min(ends, default=None)


class _Fields:
    """What the headers of one part say about its content (RFC 2045, 2183, 2231)."""

    def __init__(self, headers: Headers, *, digest: bool) -> None:
        self._headers = headers
        self._message = Message()
        for name in ("content-type", "content-disposition"):
            value = first(headers, name)
            # The standard library needs quadratic time for parameters.
            if value is not None and len(value) <= _MAX_PARAMETER_HEADER:
                self._message[name] = value
        self._message.set_default_type("message/rfc822" if digest else "text/plain")
        self._type_parameters = self._parameters("content-type")

    @property
    def digest(self) -> bool:
        """Whether the parts inside are messages unless they say otherwise (RFC 2046, 5.1.5)."""
        return self._message.get_content_type() == "multipart/digest"

    @property
    def boundary(self) -> bytes | None:
        """The line that separates the parts inside; ``None`` if there are none inside."""
        if self._message.get_content_maintype() != "multipart":
            return None
        boundary = self._type_parameters.get("boundary")
        if not boundary or not _BOUNDARY.fullmatch(boundary):
            return None
        return boundary.rstrip().encode("ascii") or None

    def leaf(self, content: bytes) -> MimePart:
        """The part that these headers and ``content`` make."""
        encoding = (first(self._headers, "content-transfer-encoding") or "").strip().lower()
        content_type = self._message.get_content_type()
        if content_type.startswith("multipart/"):
            content_type = "text/plain"  # without boundaries inside it is what it looks like
        return MimePart(
            content_type=content_type,
            charset=self._type_parameters.get("charset"),
            filename=self._parameters("content-disposition").get("filename")
            or self._type_parameters.get("name"),
            content_id=first(self._headers, "content-id"),
            disposition=self._message.get_content_disposition(),
            content=_decoded(content, encoding),
        )

    def _parameters(self, header: str) -> dict[str, str]:
        try:
            found = self._message.get_params([], header)
        except (ValueError, LookupError, TypeError, AttributeError):
            return {}  # some nonsense is too much for the standard library
        return {name.lower(): _parameter_text(value) for name, value in reversed(found)}


def _parameter_text(value: str | tuple[str | None, str | None, str]) -> str:
    """A parameter, or one of the form that RFC 2231 gives to other charsets."""
    if isinstance(value, str):
        return value
    charset, _, encoded = value
    return decode(encoded.encode("latin-1", "replace"), charset).text


def _decoded(content: bytes, transfer_encoding: str) -> bytes:
    """``content`` without its transfer encoding; as it is where that is broken or unknown."""
    if transfer_encoding == "quoted-printable":
        return binascii.a2b_qp(content)
    if transfer_encoding == "base64":
        try:
            return binascii.a2b_base64(content.rstrip(b"=\r\n \t") + b"===")
        except binascii.Error:
            return content
    return content
