"""Mail headers: fields, encoded words, mailboxes, message ids. Linear in what it reads."""

import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from domain.errors import UnreadableMessageError
from infrastructure.mail.charsets import decode, decode_utf8, scrub

Headers = Mapping[str, tuple[str, ...]]
"""Lower-case names to their unfolded values, in order; encoded words not yet decoded."""

MAX_HEADER_BYTES = 262_144
MAX_HEADERS = 1_000
_MAX_ADDRESS_LIST = 32_768
_MAX_MAILBOXES = 1_000

_FIELD_NAME = re.compile(r"[!-9;-~]+")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# No part of an encoded word can hold a question mark, so no start is scanned for long.
_ENCODED_WORD = re.compile(r"=\?([\w.:+*-]{1,60})\?([bBqQ])\?([^?\r\n]*)\?=", re.ASCII)
_ADJACENT_WORDS = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?[\w.:+*-]{1,60}\?[bBqQ]\?)", re.ASCII)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,996}>")
# A quoted text may lack its end. A backslash escapes in quoted texts and comments alone.
_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)(?:"|\\?\Z)|\[[^\s\[\]<>]*\]|[(<>,;:\[]|[^"(<>,;:\[]+', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_COMMENT_MARK = re.compile(r"[()]|\\.", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def read_headers(block: bytes) -> Headers:
    """The header fields of ``block`` (RFC 5322, 2.2), unfolded; lines that are none are skipped.

    Raises ``UnreadableMessageError`` for more of them than any mail has.
    """
    if len(block) > MAX_HEADER_BYTES:
        raise UnreadableMessageError("the mail headers are too large")
    fields: list[tuple[str, list[str]]] = []
    for line in _LINE_BREAK.split(decode_utf8(block)):
        if line[:1] in (" ", "\t"):
            if fields:
                fields[-1][1].append(line.strip())
            continue
        name, colon, value = line.partition(":")
        if colon and _FIELD_NAME.fullmatch(name.rstrip()):
            fields.append((name.rstrip().lower(), [value.strip()]))
    if len(fields) > MAX_HEADERS:
        raise UnreadableMessageError("the mail has too many headers")
    headers: dict[str, tuple[str, ...]] = {}
    for name, lines in fields:
        headers[name] = (*headers.get(name, ()), " ".join(filter(None, lines)))
    return headers


def first(headers: Headers, name: str) -> str | None:
    """The first value of a header that says anything."""
    return next((value for value in headers.get(name, ()) if value), None)


def decode_words(value: str) -> str:
    """``value`` with its encoded words (RFC 2047) decoded; broken ones stay as they are."""
    if "\x1b$" in value:  # raw Japanese, without a word about it
        value = decode(value.encode(), None).text
    parts: list[str] = []
    run: list[tuple[str, bytes]] = []
    end = 0
    joined = _ADJACENT_WORDS.sub("", value)
    for match in _ENCODED_WORD.finditer(joined):
        raw = _word_bytes(match[2].lower(), match[3])
        if raw is None:
            continue
        if match.start() > end:
            parts += [_decode_run(run), joined[end : match.start()]]
            run = []
        run.append((match[1].partition("*")[0].lower(), raw))
        end = match.end()
    return scrub("".join((*parts, _decode_run(run), joined[end:])))


def _word_bytes(encoding: str, text: str) -> bytes | None:
    try:
        if encoding == "q":
            return binascii.a2b_qp(text.encode("latin-1"), header=True)
        return binascii.a2b_base64(text.rstrip("= ").encode("ascii") + b"===")
    except (binascii.Error, UnicodeEncodeError):
        return None


def _decode_run(run: list[tuple[str, bytes]]) -> str:
    """Neighbouring words of one charset are decoded together: mailers cut inside characters."""
    raw_texts = (
        (charset, b"".join(raw for _, raw in words))
        for charset, words in groupby(run, key=itemgetter(0))
    )
    return "".join(decode(raw, charset).text for charset, raw in raw_texts)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One entry of an address list: the address as written, and the name shown beside it."""

    address: str
    name: str | None = None


def mailboxes(values: Iterable[str]) -> tuple[Mailbox, ...]:
    """The mailboxes in address headers (RFC 5322, 3.4), groups flattened, comments left out.

    Encoded words are decoded after the list is taken apart, so that none can add an address.
    Text without an ``@`` is no mailbox.
    """
    found = [box for value in values for box in _mailboxes_in(value[:_MAX_ADDRESS_LIST])]
    return tuple(found[:_MAX_MAILBOXES])


def _mailboxes_in(value: str) -> Iterator[Mailbox]:
    phrase, angle, in_angle = "", None, False
    for token in _tokens(value):
        text, part = token[0], token[0]
        if text.startswith('"'):
            is_local_part = in_angle or value.startswith("@", token.end())
            part = _ESCAPED.sub(r"\1", text if is_local_part else token["quoted"])
        elif in_angle and text != ">":
            pass
        elif text in ",;":
            yield from _mailbox(phrase, angle)
            phrase, angle, part = "", None, ""
        elif text == "<":
            # A second pair of brackets: the space makes it no address, rather than the wrong one.
            angle, in_angle, part = "" if angle is None else f"{angle} ", True, ""
        elif text == ">":
            in_angle, part = False, ""
        elif text == ":" and angle is None:
            phrase, part = "", ""
        if in_angle:
            angle = f"{angle}{part}"
        else:
            phrase += part
    yield from _mailbox(phrase, angle)


def _tokens(value: str) -> Iterator[re.Match[str]]:
    """Quoted texts, separators, and what stands between them, without comments."""
    position = 0
    while token := _TOKEN.match(value, position):
        position = token.end()
        if token[0] == "(":
            position = _end_of_comment(value, position)
        else:
            yield token


def _end_of_comment(value: str, start: int) -> int:
    depth = 1
    for mark in _COMMENT_MARK.finditer(value, start):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if depth == 0:
            return mark.end()
    return len(value)


def _mailbox(phrase: str, angle: str | None) -> Iterator[Mailbox]:
    address = (phrase if angle is None else angle).strip()
    if "@" in address:
        name = "" if angle is None else one_line(decode_words(phrase.strip()))
        yield Mailbox(address, name or None)


def message_ids(values: Iterable[str]) -> tuple[str, ...]:
    """The message ids in ``References`` and the like, angle brackets included, each once."""
    found = (match for value in values for match in _MESSAGE_ID.findall(value))
    return tuple(dict.fromkeys(found))


def one_line(text: str) -> str:
    """``text`` without line breaks and other control characters."""
    return _CONTROLS.sub(" ", text).strip()
