"""MIME (RFC 2046) taken apart without building it first, so that no bomb can go off.

Parts are ranges of the raw bytes, found by their boundaries. Their number, their depth and
the size of their headers are limited while they are counted: what the standard library needs
a minute for, or a recursion error, is refused after a look at it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from domain.errors import UnreadableMessageError
from infrastructure.mail.header_text import MAX_HEADER_BYTES, Headers, first, read_headers
from infrastructure.mail.mime_parameters import read_parameters
from infrastructure.mail.transfer_encoding import decoded

MAX_DEPTH = 50
MAX_PARTS = 500
_MAX_PART_HEADER_BYTES = 32_768
# Every level of nesting searches all that it holds: 50 of them around 10 MB, or 16 around 32.
_MAX_SEARCHED_BYTES = 512 * 1024 * 1024
_LIMITS = {
    "parts": (MAX_PARTS, "the mail has too many MIME parts"),
    "lines like boundaries": (10_000, "the mail has too many MIME boundaries"),
    "searched bytes": (_MAX_SEARCHED_BYTES, "the mail is nested too deeply for its size"),
}

_BOUNDARY = re.compile(r"[\x20-\x7e]{1,200}")
_MEDIA_TYPE = re.compile(r"[\s\"']*([^\s;()/\"']+/[^\s;()/\"']+)")
# Where no line is the declared boundary: the first that begins like one, with fields below it.
_ANY_BOUNDARY = re.compile(
    rb"^--([^\r\n]{1,300}+)\r*\n(?=content-[a-z-]{1,40}[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_MAX_BEFORE_BOUNDARY = 65_536
_MAX_TEXT_OUTSIDE = 1_048_576

# Fields and their continuations. A line of blanks is one if a field of mailers follows it.
_HEADER_BLOCK = re.compile(
    rb"(?>(?:[!-9;-~]++[ \t]*+:|[ \t]++(?=[^\s])"
    rb"|[ \t]++\r*+\n(?=(?:content-type|content-transfer-encoding|mime-version|message-id"
    rb"|received|dkim-signature)[ \t]*:))"
    rb"[^\n]*+(?:\n|\Z))*+",
    re.IGNORECASE,
)
_BLANK_LINE = re.compile(rb"[ \t\r]*\n")
_BEFORE_HEADERS = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*+\n)*+(?:>?From (?![ \t]*:)[^\n]*\n)?(?=[!-9;-~]++[ \t]*:)"
)
_FROM = re.compile(rb"^from[ \t]*:", re.IGNORECASE | re.MULTILINE)
# Where no blank line ends the headers, or in a part, text like "Note: yes" is no field.
_KNOWN_FIELD = re.compile(
    rb"^(?:(?:content|mime|x|arc|dkim|list|resent|authentication|return|delivered|auto)-[!-9;-~]+"
    rb"|received|from|to|cc|bcc|sender|reply-to|subject|date|message-id|references"
    rb"|in-reply-to|thread-(?:topic|index)|importance|priority|precedence|organi[sz]ation"
    rb"|user-agent)[ \t]*:[^\n]*+(?:\n[ \t]+[^\s][^\n]*+)*+(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class MimePart:
    """A part that holds no others. ``content`` is decoded from its transfer encoding.

    ``damaged`` says that not all of it could be. ``alternative`` numbers the parts that show
    the same in several forms (RFC 2046, 5.1.4); it is ``None`` for a part that stands alone.
    ``outside`` is true for text before, between and after the parts, which no program shows.
    """

    content_type: str
    charset: str | None
    filename: str | None
    content_id: str | None
    disposition: str | None
    content: bytes
    damaged: bool
    alternative: int | None
    outside: bool = False


@dataclass(frozen=True, slots=True)
class _Range:
    """A part of the raw mail, its headers included."""

    start: int
    end: int
    depth: int
    digest: bool = False
    alternative: int | None = None
    outside: bool = False


class MimeReader:
    """Reads one mail, within limits that hold for the whole of it.

    ``headers`` are the mail's own. They end where the body begins that ``parts`` are read from.
    Raises ``UnreadableMessageError``.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = _with_line_feeds(raw)
        self._counts = Counter(parts=1)
        before = _BEFORE_HEADERS.match(self._raw, 0, MAX_HEADER_BYTES)
        self._root = _Range(before.end() if before else 0, len(self._raw), 0)
        self.headers, self._body_start = self._split(self._root)

    def parts(self) -> Iterator[MimePart]:
        """The parts that hold no others, in order. Raises ``UnreadableMessageError``."""
        backlog = [self._root]
        while backlog:
            part = backlog.pop()
            if part.outside:
                yield _text_outside(self._raw[part.start : part.end])
                continue
            headers, body_start = (
                self._split(part) if part.depth else (self.headers, self._body_start)
            )
            fields = _Fields(headers, digest=part.digest)
            inner = self._inner_parts(part, fields, body_start)
            if inner:
                backlog += reversed(inner)
            else:
                content = memoryview(self._raw)[body_start : part.end]
                yield fields.leaf(content, part.alternative)

    def _split(self, part: _Range) -> tuple[Headers, int]:
        """The headers of a part, and where its body starts.

        A line that is neither a field nor the continuation of one ends the headers too.
        """
        most = _MAX_PART_HEADER_BYTES if part.depth else MAX_HEADER_BYTES
        limit = min(part.end, part.start + most + 4)
        end = self._end_of_fields(part, limit)
        if end == limit < part.end:
            raise UnreadableMessageError("the headers of a MIME part are too large")
        blank_line = _BLANK_LINE.match(self._raw, end, part.end)
        is_known = part.depth == 0 or _KNOWN_FIELD.search(self._raw, part.start, end)
        if blank_line and (is_known or end == part.start):
            return read_headers(self._raw[part.start : end]), blank_line.end()
        known = [field.end() for field in _KNOWN_FIELD.finditer(self._raw, part.start, end)]
        end = known[-1] if known else part.start
        return read_headers(self._raw[part.start : end]), end

    def _end_of_fields(self, part: _Range, limit: int) -> int:
        """Where the fields end; those of the mail not before one of them names an author."""
        raw, searched = self._raw, part.start
        first_end = end = _end_of_block(raw, part.start, limit)
        while part.depth == 0 and not _FROM.search(raw, searched, end):
            if end >= limit or _BLANK_LINE.match(raw, end):
                return first_end
            searched, line_end = end, raw.find(b"\n", end, limit)
            end = limit if line_end == -1 else _end_of_block(raw, line_end + 1, limit)
        return end

    def _inner_parts(self, part: _Range, fields: "_Fields", body_start: int) -> list[_Range]:
        if not fields.is_multipart:
            return []
        if part.depth >= MAX_DEPTH:
            raise UnreadableMessageError("the mail is nested too deeply")
        delimiters, is_declared = self._boundary_lines(fields.boundary, body_start, part.end)
        first_line = next(delimiters, None)
        if first_line is None:
            return []
        alternative = part.alternative
        if alternative is None and fields.content_type == "multipart/alternative":
            alternative = part.start
        inner: list[_Range] = []
        start, is_inside = body_start, False
        # Where the closing boundary is missing, the end of the whole closes the last part. Where
        # it comes too early, parts follow it.
        end_of_all = (part.end, part.end, True)
        for line_start, line_end, is_last in chain([first_line], delimiters, [end_of_all]):
            end = max(start, line_start)
            is_outside = is_declared and not is_inside
            if is_inside or self._is_text_outside(start, end):
                is_digest = is_inside and fields.content_type == "multipart/digest"
                form = alternative if is_inside else None
                inner.append(_Range(start, end, part.depth + 1, is_digest, form, is_outside))
                self._count("parts")
            start, is_inside = line_end, not is_last
        return inner

    def _boundary_lines(
        self, boundary: bytes | None, start: int, end: int
    ) -> tuple[Iterator[tuple[int, int, bool]], bool]:
        """The lines of the declared boundary; if it never comes, of the one that does."""
        if boundary is not None:
            lines = self._delimiters(boundary, start, end)
            first_line = next(lines, None)
            if first_line is not None:
                return chain([first_line], lines), True
        found = _ANY_BOUNDARY.search(self._raw, start, min(end, start + _MAX_BEFORE_BOUNDARY))
        guessed = found[1].rstrip() if found else b""
        return self._delimiters(guessed, start, end) if guessed else iter(()), False

    def _is_text_outside(self, start: int, end: int) -> bool:
        is_short = end - start <= _MAX_TEXT_OUTSIDE
        return is_short and not self._raw[start:end].isspace() and start < end

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


def _end_of_block(raw: bytes, start: int, limit: int) -> int:
    block = _HEADER_BLOCK.match(raw, start, limit)
    return block.end() if block else start


def _with_line_feeds(raw: bytes) -> bytes:
    """``raw``, or if its lines end in nothing but a carriage return, with line feeds instead."""
    headers_end = raw.find(b"\r\r", 0, MAX_HEADER_BYTES)
    if raw.find(b"\n", 0, len(raw) if headers_end == -1 else headers_end + 3) != -1:
        return raw
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _text_outside(content: bytes) -> MimePart:
    return MimePart("text/plain", None, None, None, None, content, False, None, outside=True)


class _Fields:
    """What the headers of one part say about its content (RFC 2045, 2183, 2231)."""

    def __init__(self, headers: Headers, *, digest: bool) -> None:
        self._headers = headers
        content_type = first(headers, "content-type")
        found = _MEDIA_TYPE.match(content_type or "")
        default = "text/plain" if content_type or not digest else "message/rfc822"
        self.content_type = found[1].lower() if found else default
        self._type_parameters = read_parameters(content_type or "")

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @property
    def boundary(self) -> bytes | None:
        """The line that separates the parts inside; ``None`` if the headers name none."""
        boundary = self._type_parameters.get("boundary")
        if not boundary or not _BOUNDARY.fullmatch(boundary):
            return None
        return boundary.rstrip().encode("ascii") or None

    def leaf(self, content: memoryview, alternative: int | None) -> MimePart:
        """The part that these headers and ``content`` make."""
        # A multipart without boundaries inside is what it looks like: text.
        content_type = "text/plain" if self.is_multipart else self.content_type
        disposition = first(self._headers, "content-disposition") or ""
        encoding = (first(self._headers, "content-transfer-encoding") or "").lower()
        decoded_content, damaged = decoded(content, encoding)
        return MimePart(
            content_type=content_type,
            charset=self._type_parameters.get("charset"),
            filename=read_parameters(disposition).get("filename")
            or self._type_parameters.get("name"),
            content_id=first(self._headers, "content-id"),
            disposition=disposition.partition(";")[0].strip().lower() or None,
            content=decoded_content,
            damaged=damaged,
            alternative=alternative,
        )
