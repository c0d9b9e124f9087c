"""Content without its transfer encoding (RFC 2045), as far as mailers left it whole."""

import binascii
import io
import re
import string

_TRANSFER_ENCODING = re.compile(r"base-?64|quoted.?printable|[78][ -]?bit|binary")
_PADDING = re.compile(rb"=+")
_MAX_BASE64_PADDING = 1_000_000
_BASE64_DIGITS = (string.ascii_letters + string.digits + "+/").encode()
_BLANKS = bytes(range(33))
_BASE64 = _BLANKS + _BASE64_DIGITS + b"="
_NOT_BASE64_DIGITS = bytes(set(range(256)) - set(_BASE64_DIGITS))

_MAX_REPAIRED_BYTES = 8_388_608
_MAX_LINES_LOOKED_AT = 300
_BYTES_AT_ONCE = 65_536
_LONG = 16
"""Digits of base64 without a blank between them that are no word."""


def decoded(content: memoryview, transfer_encoding: str) -> tuple[bytes, bool]:
    """``content`` without its transfer encoding, and whether that was damaged or unknown.

    Where nothing of it can be decoded it stays as it is. A view, for base64 of 30 MB need not be
    copied to be decoded.
    """
    found = _TRANSFER_ENCODING.search(transfer_encoding)
    if found is None or found[0][0] in "78":
        return bytes(content), found is None and transfer_encoding != ""
    if found[0].startswith("quoted"):
        return _without_quoted_printable(bytes(content)), False
    if found[0] == "binary":
        return bytes(content), False
    whole = _without_whole_base64(content)
    return _without_base64(bytes(content)) if whole is None else (whole, False)


def _without_quoted_printable(content: bytes) -> bytes:
    """After ``=`` and a bare carriage return, Python leaves out the rest of the line."""
    if b"=\r" in content:
        for line_end in (b"\r\r\n", b"\r\n", b"\r"):
            content = content.replace(b"=" + line_end, b"=\n")
    return binascii.a2b_qp(content)


def _without_whole_base64(content: memoryview) -> bytes | None:
    """What is encoded without any damage, and in one piece; ``None`` for anything else.

    Python takes twice as long where it meets line ends.
    """
    tail = bytes(content[-_BYTES_AT_ONCE:])
    end = len(content) - len(tail) + len(tail.rstrip(b"=\r\n \t"))
    whole, rest = io.BytesIO(), b""
    for start in range(0, end, _BYTES_AT_ONCE):
        chunk = bytes(content[start : min(start + _BYTES_AT_ONCE, end)])
        digits = rest + chunk.translate(None, _BLANKS)
        if digits.translate(None, _BASE64_DIGITS):
            return None
        cut = len(digits) // 4 * 4
        whole.write(binascii.a2b_base64(digits[:cut]))
        rest = digits[cut:]
    if len(rest) == 1:
        return None
    whole.write(binascii.a2b_base64(rest + b"==="))
    return whole.getvalue()


def _without_base64(content: bytes) -> tuple[bytes, bool]:
    is_damaged = bool(content.translate(None, _BASE64))
    if is_damaged and content.count(b"\n") <= _MAX_LINES_LOOKED_AT:
        return _with_clear_lines(content.splitlines(keepends=True)), True
    found = _decoded_pieces(content)
    if found is None:
        return content, True
    return found[0], is_damaged or found[1]


def _with_clear_lines(lines: list[bytes]) -> bytes:
    """Gateways write banners and footers in clear around base64: these stay as they are."""
    pieces: list[bytes] = []
    encoded: list[bytes] = []
    for line in lines:
        if _is_encoded(line, after_encoded=bool(encoded)):
            encoded.append(line)
            continue
        pieces += [_decoded_or_same(b"".join(encoded)), line]
        encoded = []
    return b"".join([*pieces, _decoded_or_same(b"".join(encoded))])


def _is_encoded(line: bytes, *, after_encoded: bool) -> bool:
    if not line.translate(None, _BASE64):
        text = line.strip()
        is_word = len(text) < _LONG and not text.endswith(b"=") and b" " not in text
        return after_encoded if is_word else b" " not in text
    if b"://" in line or b"@" in line:
        return False
    first = (line.split(maxsplit=1) or [b""])[0]
    return len(first.translate(None, _NOT_BASE64_DIGITS)) >= _LONG


def _decoded_or_same(content: bytes) -> bytes:
    found = _decoded_pieces(content)
    return content if found is None else found[0]


def _decoded_pieces(content: bytes) -> tuple[bytes, bool] | None:
    """Mailers that join encoded pieces leave the padding of each where it was."""
    text = content.rstrip(b"=\r\n \t")
    padding = text.count(b"=")
    if padding > _MAX_BASE64_PADDING:
        return None
    pieces = _PADDING.split(text) if padding else [text]
    try:
        return b"".join(binascii.a2b_base64(piece + b"===") for piece in pieces), False
    except binascii.Error:
        pieces = []
    if padding or not _LONG <= len(text) <= _MAX_REPAIRED_BYTES:
        return None
    # One digit too many says nothing by itself: the text was cut, or something was added.
    try:
        return binascii.a2b_base64(memoryview(text)[:-1]), True
    except binascii.Error:
        return None
