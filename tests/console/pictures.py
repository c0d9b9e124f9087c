"""A small picture that browsers really show."""

import struct
import zlib
from functools import cache

_WIDTH, _HEIGHT = 160, 120
_GROUND, _BRASS, _GLASS, _CRACK = (
    bytes(colour) for colour in ((236, 232, 222), (168, 124, 48), (250, 214, 120), (120, 40, 30))
)


@cache
def a_png() -> bytes:
    """A brass lamp with a crack."""
    rows = b"".join(b"\0" + b"".join(_pixel(x, y) for x in range(_WIDTH)) for y in range(_HEIGHT))
    head = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, content) for name, content in parts)


def _pixel(x: int, y: int) -> bytes:
    across, down = x - _WIDTH / 2, y - 45
    if across**2 + down**2 < 30**2:
        return _CRACK if abs(across - down / 2 - 8) < 2 else _GLASS
    is_stem = abs(across) < 5 and 70 < y < 100
    is_foot = abs(across) < 28 and 100 <= y < 107
    return _BRASS if is_stem or is_foot else _GROUND


def _part(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
