"""Bytes to text, whatever the mail says about them."""

import codecs
import re
from dataclasses import dataclass

from webencodings import LABELS, PYTHON_NAMES  # type: ignore[import-untyped]  # no type information

from infrastructure.mail.charset_labels import repaired_label

# What Python reads beside the labels that browsers know. Only such names reach the codec registry:
# it also knows codecs that are no charsets (base64, idna, unicode_escape), and keeps every miss.
_PYTHONS_OWN = re.compile(
    r"(windows|cp|ibm)-?\d{3,5} | utf-?(7|16|32)(-?[lb]e)? | iso-?8859-?\d{1,2} | us-?ascii | sjis"
    r"| latin-?\d{1,2} | iso-?2022-?(jp(-[123]|-2004|-ext)?|kr) | euc-?(jp|kr|cn|jis-?2004) | johab"
    r"| big5-?hkscs | hz(-gb-2312)? | mac-?(roman|greek|turkish|latin2|iceland) | ptcp154",
    re.VERBOSE,
)
# Mail labels these when it means their supersets.
_SUPERSETS = {
    "ascii": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
}
_ASCII = frozenset({"ascii", "us-ascii", "ansi_x3.4-1968"})
# White space, controls and marks that have no shape: a text of nothing else shows nothing.
_SHOWN = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
# What Python's codec does not have, another one of the same charset may.
_RELATED = {"big5hkscs": "cp950", "euc_jp": "euc_jis_2004"}
_JAPANESE = "iso2022_jp_ext"
_ESCAPED_JAPANESE = re.compile(
    rb"\x1b(?:\$[@B]((?:[!-~]{2}|[\r\n])*+)(?=\x1b|\Z)|\(I([!-_\r\n]*+)(?=\x1b|\Z)|\([BJ])"
)
_MAX_CONVERTED_BYTES = 1_048_576
_DOUBLE_BYTE = re.compile(rb"([!-~])([!-~])")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text, and whether bytes of it may have been misread."""

    text: str
    uncertain: bool = False


def text_codec(charset: str) -> str | None:
    """Python's codec for ``charset``, as browsers understand the label; ``None`` if it is none.

    A label means its superset (https://encoding.spec.whatwg.org/#names-and-labels). One that no
    browser and no Python knows is tried in the form that its mailer may have meant.
    """
    name = charset.strip(" \t\"'").partition(" ")[0].lower()
    return _codec(name) or _codec(repaired_label(name))


def _codec(name: str) -> str | None:
    if name in _ASCII:
        return "utf-8"
    label = LABELS.get(name) or LABELS.get(name.replace("_", "-"))
    if label is None or label == "replacement" or label.startswith("utf-16"):
        name = name.replace("_", "-").removeprefix("x-").removeprefix("unicode-1-1-")
        if not _PYTHONS_OWN.fullmatch(name):
            return None
    else:
        name = PYTHON_NAMES.get(label, label)
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    return _SUPERSETS.get(codec, codec)


def decode(raw: bytes, charset: str | None) -> DecodedText:
    """``raw`` as text. What ``charset`` cannot explain is tried as UTF-8.

    Never fails: bytes that stay unclear become U+FFFD, and the text is marked as uncertain.
    """
    codec = text_codec(charset) if charset else "utf-8"
    if codec in {"utf-8", "cp1252", _JAPANESE} and _is_escaped_japanese(raw):
        says_so = codec == _JAPANESE or not charset or "ascii" in charset.lower()
        return _decode_japanese(raw, uncertain=not says_so)
    related = _RELATED.get(codec or "")
    # ASCII bytes that their charset cannot explain are a broken escape sequence, not UTF-8.
    last = "utf-8" if codec is None or not raw.isascii() else None
    for candidate, uncertain in ((codec, False), (related, False), (last, True)):
        if candidate is None:
            continue
        try:
            return DecodedText(scrub(raw.decode(candidate)), uncertain)
        except UnicodeError:
            continue
    if charset and charset.strip(" \"'").lower() in _ASCII:
        codec = "cp1252"  # which browsers read where mail says so
    return DecodedText(scrub(raw.decode(codec or "utf-8", "replace")), uncertain=True)


def _is_escaped_japanese(raw: bytes) -> bool:
    return (b"\x1b$B" in raw or b"\x1b$@" in raw) and raw.isascii()


def _decode_japanese(raw: bytes, *, uncertain: bool) -> DecodedText:
    """ISO-2022-JP with the characters of Windows, which Python's codec does not have."""
    try:
        return DecodedText(raw.decode(_JAPANESE), uncertain)
    except UnicodeError:
        if len(raw) > _MAX_CONVERTED_BYTES:
            return DecodedText(raw.decode(_JAPANESE, "replace"), uncertain=True)
        windows = _ESCAPED_JAPANESE.sub(_to_shift_jis, raw)
    text = windows.decode("cp932", "replace")
    return DecodedText(text, uncertain or "\ufffd" in text or "\x1b" in text)


def _to_shift_jis(escaped: re.Match[bytes]) -> bytes:
    if escaped[2] is not None:
        return bytes(byte | 0x80 if byte > 0x20 else byte for byte in escaped[2])  # noqa: PLR2004  # half-width kana
    return _DOUBLE_BYTE.sub(_shifted, escaped[1] or b"")


def _shifted(pair: re.Match[bytes]) -> bytes:
    """Row and cell of JIS X 0208 as the two bytes of Shift_JIS (JIS X 0208, appendix 1)."""
    row, cell = pair[1][0], pair[2][0]
    first = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)  # noqa: PLR2004  # as in the table
    second = cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20)  # noqa: PLR2004  # same
    return bytes((first, second))


def decode_utf8(raw: bytes) -> str:
    """Text that should be UTF-8; else Latin-1, in which every byte means something."""
    try:
        return scrub(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_blank(text: str) -> bool:
    """Whether ``text`` shows nothing, or nothing but characters without a shape."""
    return _SHOWN.search(text) is None


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
