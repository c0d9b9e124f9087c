"""The vendors' signature schemes from their documentation, without product code or a library.

Twilio: https://www.twilio.com/docs/usage/security#validating-requests
SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
ECDSA: FIPS 186-4, 6.4, with the curve of its D.1.2.3; DER: X.690, 8.3 and 10.1.
"""

import base64
import hashlib
import hmac
import re
from functools import cache
from urllib.parse import urlsplit

# Twilio

_DEFAULT_PORTS = {"https": 443, "http": 80}


def signed_by_twilio(url: str, pairs: list[tuple[str, str]], token: str) -> str:
    """HMAC-SHA1 over the URL and each name and value, sorted by name; repeated values once."""
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    text = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def configured_forms(url: str) -> set[str]:
    """What Twilio may sign for ``url``: without user info and fragment, with or without port."""
    parts = urlsplit(url)
    name = parts.netloc.rpartition("@")[2]
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    bare = name.removesuffix(f":{port}")
    rest = url.split(parts.netloc, 1)[1].partition("#")[0]
    return {f"{parts.scheme}://{host}{rest}" for host in (bare, f"{bare}:{port}")}


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """``application/x-www-form-urlencoded`` in UTF-8; ``ValueError`` for what no client sends."""
    pairs = []
    for field in body.split(b"&"):
        name, equals, value = field.partition(b"=")
        if not equals:
            raise ValueError("a field without an equals sign")
        pairs.append((_unescaped(name), _unescaped(value)))
    return pairs


def _unescaped(text: bytes) -> str:
    spaced = text.replace(b"+", b" ")
    raw = re.sub(rb"%([0-9a-fA-F]{2})", lambda match: bytes([int(match[1], 16)]), spaced)
    return raw.decode("utf-8")


# SendGrid

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

Point = tuple[int, int] | None


def signed_by_sendgrid(public_key: str, timestamp: str, body: bytes, signature: str) -> bool:
    """ECDSA on P-256 with SHA-256 over the timestamp and the raw body."""
    spki = base64.b64decode(public_key)
    if not spki.startswith(_SPKI_PREFIX) or len(spki) != len(_SPKI_PREFIX) + 64:
        return False
    x, y = int.from_bytes(spki[-64:-32], "big"), int.from_bytes(spki[-32:], "big")
    if (y * y - (x * x * x - 3 * x + _B)) % _P:
        return False
    try:
        r, s = der_numbers(base64.b64decode(signature, validate=True))
    except ValueError:
        return False
    if not (0 < r < _N and 0 < s < _N):
        return False
    digest = int.from_bytes(hashlib.sha256(timestamp.encode() + body).digest(), "big")
    inverse = pow(s, -1, _N)
    point = _add(_times(digest * inverse % _N, _G), _times(r * inverse % _N, (x, y)))
    return point is not None and point[0] % _N == r


def der_numbers(der: bytes) -> tuple[int, int]:
    """The two positive integers of a SEQUENCE; ``ValueError`` unless it is strictly DER."""
    if len(der) < 8 or der[0] != 0x30 or der[1] >= 0x80 or der[1] != len(der) - 2:
        raise ValueError("no short sequence")
    r, rest = _der_number(der[2:])
    s, rest = _der_number(rest)
    if rest:
        raise ValueError("something follows")
    return r, s


def _der_number(der: bytes) -> tuple[int, bytes]:
    if len(der) < 3 or der[0] != 0x02 or not 0 < der[1] < 0x80 or len(der) < 2 + der[1]:
        raise ValueError("no short integer")
    number = der[2 : 2 + der[1]]
    if number[0] >= 0x80 or (number[0] == 0 and len(number) > 1 and number[1] < 0x80):
        raise ValueError("negative, or longer than need be")
    return int.from_bytes(number, "big"), der[2 + der[1] :]


def der_of(r: int, s: int) -> bytes:
    """The DER of two non-negative integers."""
    items = b""
    for number in (r, s):
        raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
        items += bytes([0x02, len(raw)]) + raw
    return bytes([0x30, len(items)]) + items


def mirrored(der: bytes) -> bytes:
    """The other signature that proves the same: with minus ``s``."""
    r, s = der_numbers(der)
    return der_of(r, _N - s)


def _times(count: int, point: Point) -> Point:
    total: Point = None
    while count:
        if count & 1:
            total = _add(total, point)
        point = _doubled(point)
        count >>= 1
    return total


@cache
def _doubled(point: Point) -> Point:
    """Kept: it is always the generator and the few keys of the tests."""
    return _add(point, point)


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % _P == 0:
        return None
    if one == other:
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, _P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P)
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P
