"""Bytes to text, whatever the mail says about them."""

import codecs
import re
from dataclasses import dataclass

# Only names that look like one of these reach the codec registry: it also knows codecs that
# are no charsets (base64, zlib, rot13, idna, unicode_escape), and remembers every miss.
_CHARSET_NAME = re.compile(
    r"""
      (us-?)?ascii | utf-?8 | utf-?(16|32)(-?[lb]e)?
    | iso-?8859-?\d{1,2}(-[ei])? | latin-?\d{1,2} | (windows|cp|ibm)-?\d{3,5} | windows-31j
    | iso-?2022-?(jp(-[123]|-2004|-ext)?|kr) | euc-?(jp|kr|cn) | shift-?jis | s-?jis
    | koi8-?[rtu] | mac-?(roman|cyrillic|greek|turkish|latin2|iceland) | macintosh
    | big5(-?hkscs)? | gbk | gb-?2312 | gb-?18030 | hz(-gb-2312)? | ks-c-5601(-1987)? | johab
    | tis-?620 | ptcp154 | viscii
    """,
    re.VERBOSE,
)
# Mail labels these when it means their supersets (https://encoding.spec.whatwg.org/#names).
_SUPERSETS = {
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks-c-5601-1987": "cp949",
}


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text, and whether bytes of it may have been misread."""

    text: str
    uncertain: bool = False


def text_codec(charset: str) -> str | None:
    """The name of Python's codec for ``charset``; ``None`` if it is not a charset it knows."""
    name = charset.strip().strip("\"'").lower().replace("_", "-").removeprefix("x-")
    if not _CHARSET_NAME.fullmatch(name):
        return None
    try:
        return codecs.lookup(_SUPERSETS.get(name, name)).name
    except LookupError:
        return None


def decode(raw: bytes, charset: str | None) -> DecodedText:
    """``raw`` as text. What ``charset`` cannot explain is tried as UTF-8.

    Never fails: bytes that stay unclear become U+FFFD, and the text is marked as uncertain.
    """
    codec = text_codec(charset) if charset else "utf-8"
    # ASCII bytes that their charset cannot explain are a broken escape sequence, not UTF-8.
    second = "utf-8" if codec is None or not raw.isascii() else codec
    for candidate, uncertain in ((codec, False), (second, True)):
        if candidate is None:
            continue
        try:
            return DecodedText(scrub(raw.decode(candidate)), uncertain)
        except UnicodeError:
            continue
    return DecodedText(scrub(raw.decode(codec or "utf-8", "replace")), uncertain=True)


def decode_utf8(raw: bytes) -> str:
    """Text that should be UTF-8; else Latin-1, in which every byte means something."""
    try:
        return scrub(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def scrub(text: str) -> str:
    """``text`` without lone surrogates, which no UTF-8 can carry (UTF-7 and JSON make them)."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    # Not decoded again: one wide character makes 30 MB of text take 120.
    return text
