r"""The words of a command line, as a shell takes them apart.

``shlex`` knows neither ``$'…'``, with which browsers and tools write line breaks, nor here
documents. Nothing is run or expanded.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from entrypoints.captures.requests import CaptureError

MAX_PIECES = 200_000

_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.S
)
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "e": "\x1b", "0": "\0"}
_PIECE = re.compile(
    r"""
    (?P<ansi>\$'[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<single>'[^']*')
    | \$?(?P<double>"[^"\\]*(?:\\.[^"\\]*)*")
    | \\(?P<continued>\r?\n)
    | \\(?P<escaped>.)
    | (?P<plain>(?:[^\s'"\\;|&<>$]++|\$(?!['"]))++)
    | (?P<here><<<)
    | (?P<document><<-?)
    | (?P<end>[;|&<>])
    | (?P<space>\s+)
    """,
    re.S | re.X,
)
_TEXTS = frozenset({"ansi", "single", "double", "escaped", "plain"})
_IN_DOUBLE_QUOTES = re.compile(r'\\(\r?\n|["\\$`])')
_DOCUMENT = re.compile(
    r"[ \t]*(['\"]?)([A-Za-z_]\w*)(?!\w)\1[^\n]*\n(.*?)^\t*\2[ \t]*\r?$", re.S | re.M
)


class CommandLine(NamedTuple):
    """The words of the first command, and what a here document gives to its standard input."""

    words: list[str]
    stdin: str | None


def split_command(text: str) -> CommandLine:
    """The first command in ``text``. Raises ``CaptureError`` where a quote is not closed."""
    words: list[list[str]] = []
    stdin: str | None = None
    is_in_word = is_here = False
    for match in _pieces(text):
        kind = match.lastgroup
        if kind in _TEXTS:
            if not is_in_word:
                words.append([])
            words[-1].append(_text_of(match))
        is_in_word = kind in _TEXTS or (kind == "continued" and is_in_word)
        is_here = is_here or kind == "here"
        if kind == "document":
            document = _DOCUMENT.match(text, match.end())
            stdin = document[3] if document else None
        if kind in {"document", "end"}:
            break
    if is_here and words:
        stdin = "".join((*words.pop(), "\n"))
    return CommandLine(["".join(word) for word in words], stdin)


def _pieces(text: str) -> Iterator[re.Match[str]]:
    at = 0
    for _ in range(MAX_PIECES):
        if at == len(text):
            return
        match = _PIECE.match(text, at)
        if match is None:
            raise CaptureError("curl: a quote of the command is not closed")
        yield match
        at = match.end()
    raise CaptureError(f"curl: the command has over {MAX_PIECES} quotes, escapes and words")


def _text_of(match: re.Match[str]) -> str:
    if match["ansi"] is not None:
        return _ANSI.sub(_ansi, match["ansi"][2:-1])
    if match["single"] is not None:
        return match["single"][1:-1]
    if match["double"] is not None:
        inside = match["double"][1:-1]
        return _IN_DOUBLE_QUOTES.sub(lambda one: "" if "\n" in one[1] else one[1], inside)
    return match["escaped"] or match["plain"] or ""


def _ansi(match: re.Match[str]) -> str:
    byte, short, long, octal, other = match.groups()
    if short or long:
        code = int(short or long, 16)
        return chr(code) if code <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"  # noqa: PLR2004 - the last code point
    if byte or octal:
        # A byte of a text in UTF-8, which is put together where the text becomes bytes.
        value = int(byte, 16) if byte else int(octal, 8) & 0xFF
        return chr(value) if value < 0x80 else chr(0xDC00 + value)  # noqa: PLR2004 - ASCII
    return _PLAIN_ESCAPES.get(other, other)
