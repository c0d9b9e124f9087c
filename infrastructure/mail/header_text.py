"""Mail headers: fields, encoded words, mailboxes, message ids. Linear in what it reads."""

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domain.errors import UnreadableMessageError
from infrastructure.mail.charsets import decode, decode_utf8, scrub

Headers = Mapping[str, tuple[str, ...]]
"""Lower-case names to their unfolded values, in order; encoded words not yet decoded."""

NO_HEADERS: Headers = MappingProxyType({})

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
    texts: list[str] = []
    start = 0
    for index in range(1, len(run) + 1):
        if index == len(run) or run[index][0] != run[start][0]:
            raw = b"".join(word for _, word in run[start:index])
            texts.append(decode(raw, run[start][0]).text)
            start = index
    return "".join(texts)


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
    found: list[Mailbox] = []
    for value in values:
        reader = _AddressListReader()
        for character in value[:_MAX_ADDRESS_LIST]:
            reader.read(character)
        reader.end_mailbox()
        found += reader.mailboxes
    return tuple(found[:_MAX_MAILBOXES])


class _AddressListReader:
    """Takes an address list apart character by character."""

    def __init__(self) -> None:
        self.mailboxes: list[Mailbox] = []
        self._phrase: list[str] = []
        self._angle: list[str] | None = None
        self._in_angle = False
        self._in_quotes = False
        self._escaped = False
        self._comment_depth = 0

    def read(self, character: str) -> None:
        """Take the next character."""
        if self._escaped:
            self._escaped = False
            self._keep(character)
        elif character == "\\" and (self._in_quotes or self._comment_depth):
            self._escaped = True
        elif self._in_quotes:
            self._read_quoted(character)
        elif character == "(":
            self._comment_depth += 1
        elif self._comment_depth:
            self._comment_depth -= character == ")"
        else:
            self._read_plain(character)

    def end_mailbox(self) -> None:
        """What was read so far is one entry."""
        phrase = "".join(self._phrase).strip()
        address = phrase if self._angle is None else "".join(self._angle).strip()
        if "@" in address:
            name = one_line(decode_words(phrase)) if self._angle is not None else ""
            self.mailboxes.append(Mailbox(address, name or None))
        self._phrase, self._angle, self._in_angle = [], None, False

    def _read_quoted(self, character: str) -> None:
        if character == '"':
            self._in_quotes = False
        if character != '"' or self._in_angle:
            self._keep(character)

    def _read_plain(self, character: str) -> None:
        if character == '"':
            self._in_quotes = True
            if self._in_angle:
                self._keep(character)
        elif self._in_angle and character != ">":
            self._keep(character)
        elif character == "<":
            # A second pair of brackets: the space makes it no address, rather than the wrong one.
            self._angle = [] if self._angle is None else [*self._angle, " "]
            self._in_angle = True
        elif character == ">":
            self._in_angle = False
        elif character in ",;":
            self.end_mailbox()
        elif character == ":" and self._angle is None:
            self._phrase = []
        else:
            self._keep(character)

    def _keep(self, character: str) -> None:
        if self._comment_depth:
            return
        if self._in_angle and self._angle is not None:
            self._angle.append(character)
        else:
            self._phrase.append(character)


def message_ids(values: Iterable[str]) -> tuple[str, ...]:
    """The message ids in ``References`` and the like, angle brackets included, each once."""
    found = (match for value in values for match in _MESSAGE_ID.findall(value))
    return tuple(dict.fromkeys(found))


def one_line(text: str) -> str:
    """``text`` without line breaks and other control characters."""
    return _CONTROLS.sub(" ", text).strip()
