"""Cursors as opaque text: where a page ended, which only the list that made it can read."""

import binascii
import json
from base64 import urlsafe_b64encode
from typing import Any

from domain.errors import InvalidCursorError

_LONGEST = 8_000
"""In characters. A place is a time and a few ids."""

_NOT_ONE = "this cursor is not one of this list"
_STANDARD = bytes.maketrans(b"-_", b"+/")


def write_cursor(list_name: str, *place: str) -> str:
    """The cursor that leads the list with this name on from ``place``."""
    text = json.dumps([list_name, *place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(list_name: str, cursor: str, length: int) -> tuple[str, ...]:
    """The place of ``length`` texts in a cursor of this list, or ``InvalidCursorError``."""
    try:
        name, *place = _parts(cursor)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidCursorError(_NOT_ONE) from error
    if name != list_name or len(place) != length or not all(map(_is_text, place)):
        raise InvalidCursorError(_NOT_ONE)
    return tuple(place)


def _parts(cursor: str) -> Any:  # noqa: ANN401 - whatever it says
    standard = cursor[:_LONGEST].encode("ascii").translate(_STANDARD)
    return json.loads(binascii.a2b_base64(standard + b"=" * (-len(standard) % 4), strict_mode=True))


def _is_text(part: object) -> bool:
    """Whether it is a text that a store can take: half a surrogate pair is none."""
    return isinstance(part, str) and part == part.encode(errors="ignore").decode()
