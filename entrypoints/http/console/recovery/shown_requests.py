"""A stored request as a person may see it: decoded, cut, and without secrets."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import parse_qsl, quote, urlsplit

import multipart  # type: ignore[import-untyped]  # the package has no type information

from application.ports.webhook_parser import WebhookRequest
from infrastructure.mail.charsets import text_codec

HIDDEN = "(hidden)"
MOST_CHARACTERS = 2_000
MOST_RAW = 20_000
MOST_FIELDS = 500
"""No webhook that was verified has more."""

_SECRET = re.compile(
    r"(?i)authorization|signature|cookie|secret|token|passw|pwd|credential|api[-_]?key"
    r"|(access|private)[-_]?key|email-event-webhook-|(^|[-_])(key|auth|sig|hmac)$"
)
"""Names of headers, fields and parameters whose values are nobody's to read."""

_SECRET_VALUE = re.compile(r"(?i)\s*(basic|bearer)\s+[\w.~+/=-]{8,}\s*")
_JSON_MEMBER = re.compile(r'("(?P<name>[^"\\]{1,200})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[-\w.+]+)')


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field of a form. ``text`` is ``None`` for what is no text; ``left_out`` counts characters.

    ``filename`` and ``content_type`` are those of a file.
    """

    name: str
    text: str | None
    size_bytes: int
    left_out: int = 0
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request without its secrets. ``fields`` is ``None`` if its body is no form."""

    url: str
    headers: tuple[tuple[str, str], ...]
    fields: tuple[ShownField, ...] | None
    raw: str
    raw_left_out: int


def shown_request(request: WebhookRequest) -> ShownRequest:
    """``request`` for a person."""
    content_type, options = multipart.parse_options_header(request.header("content-type") or "")
    raw = request.body
    fields: tuple[ShownField, ...] | None = None
    match content_type:
        case "application/x-www-form-urlencoded":
            fields = tuple(_pairs(raw))
            text = _without_secret_values(_text(raw[: 4 * MOST_RAW]))
        case "multipart/form-data":
            parts = _parts(raw, options.get("boundary", ""))
            fields = None if parts is None else (*_part_fields(parts),)
            text = _without_secret_parts(raw, parts or [])
        case _:
            text = _JSON_MEMBER.sub(_without_secret, _text(raw[: 4 * MOST_RAW]))
    size = max(len(text), len(raw))
    return ShownRequest(
        _shown_url(request.url),
        tuple(
            (name, HIDDEN if _is_secret(name, value) else value[:MOST_CHARACTERS])
            for name, value in request.headers
        ),
        fields,
        text[:MOST_RAW],
        max(size - MOST_RAW, 0),
    )


def _without_secret_parts(body: bytes, parts: "list[multipart.MultipartPart]") -> str:
    """The beginning of a form. In a long one it is not looked for where its secrets stand."""
    secrets = [part.raw for part in parts if _is_secret(part.name, part.raw) and part.raw]
    if secrets and len(body) > 4 * MOST_RAW:
        return f"{HIDDEN}: this form is long, and one of its fields is secret"
    for secret in secrets:
        body = body.replace(secret, HIDDEN.encode())
    return _text(body[: 4 * MOST_RAW])


def _is_secret(name: str, value: str | bytes) -> bool:
    text = _text(value[:MOST_CHARACTERS]) if isinstance(value, bytes) else value
    return bool(_SECRET.search(name) or _SECRET_VALUE.fullmatch(text))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace")


def _shown_url(url: str) -> str:
    """The URL without a password, and without secret values of its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query=_without_secret_values(parts.query)).geturl()


def _without_secret_values(query: str) -> str:
    """A query or a form as it came, with other values for those that are secret."""
    return "&".join(map(_pair_without_secret, query.split("&")))


def _pair_without_secret(pair: str) -> str:
    decoded = parse_qsl(pair, keep_blank_values=True, errors="backslashreplace")
    if any(_is_secret(name, value) for name, value in decoded):
        return f"{pair.partition('=')[0]}={quote(HIDDEN, safe='()')}"
    return pair


def _without_secret(member: re.Match[str]) -> str:
    if _is_secret(member["name"], member[3].strip('"')):
        return f'{member[1]}"{HIDDEN}"'
    return member[0]


def _pairs(body: bytes) -> Iterator[ShownField]:
    text = _text(body)
    pairs = parse_qsl(text, keep_blank_values=True, errors="backslashreplace")
    for name, value in pairs[:MOST_FIELDS]:
        yield _field(name, value, len(value.encode("utf-8", "surrogatepass")))


def _parts(body: bytes, boundary: str) -> "list[multipart.MultipartPart] | None":
    """The parts of a form; ``None`` if it cannot be taken apart."""
    try:
        parser = multipart.MultipartParser(
            BytesIO(body),
            boundary,
            content_length=len(body),
            # Nothing of it is written to disk, not even to a temporary file.
            spool_limit=len(body) + 1,
            memory_limit=len(body) + 1,
            part_limit=MOST_FIELDS,
        )
        return [*parser.parts()]
    except (ValueError, multipart.MultipartError):
        return None


def _part_fields(parts: "list[multipart.MultipartPart]") -> Iterator[ShownField]:
    """SendGrid says the charset of each field in a field of its own."""
    named = next((part.raw for part in parts if part.name == "charsets"), b"")
    try:
        charsets = json.loads(named)
    except ValueError:
        charsets = None
    for part in parts:
        charset = charsets.get(part.name) if isinstance(charsets, dict) else None
        # Only names of charsets reach Python, which has slow codecs that are none.
        yield _part(part, text_codec(str(charset or part.charset)) or "utf-8")


def _part(part: "multipart.MultipartPart", codec: str) -> ShownField:
    size, content_type = part.size, part.content_type
    if part.filename:
        return ShownField(part.name, None, size, 0, part.filename, content_type)
    if _is_secret(part.name, part.raw):
        return ShownField(part.name, HIDDEN, size)
    return _field(part.name, part.raw.decode(codec, "backslashreplace"), size)


def _field(name: str, value: str, size_bytes: int) -> ShownField:
    # A charset may give halves of surrogate pairs, which no page can have in it.
    name, value = (text.encode(errors="replace").decode() for text in (name, value))
    if _is_secret(name, value):
        return ShownField(name, HIDDEN, size_bytes)
    left_out = max(len(value) - MOST_CHARACTERS, 0)
    return ShownField(name, value[:MOST_CHARACTERS], size_bytes, left_out)
