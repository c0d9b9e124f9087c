"""Lists that are read page by page: the one style of paging.

A cursor is opaque text: where a page ended, which only the list that made it can read.
"""

import binascii
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.errors import InvalidCursorError

Item = TypeVar("Item")

PAGE_SIZE = 100

_LONGEST_CURSOR = 8_000
"""Characters in a cursor. A place is a time and a few ids."""

_NO_CURSOR = "this cursor is not one of this list"
_STANDARD = bytes.maketrans(b"-_", b"+/")

MOST_LOOKED_AT = 1000
"""A search reads no more items than this for one page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list. ``cursor`` continues after them; ``None`` at the end.

    A page may be empty and not the last.
    """

    items: tuple[Item, ...]
    cursor: str | None


def each_item(read_page: Callable[[str | None], Page[Item]]) -> Iterator[Item]:
    """Every item of a list. ``read_page`` gets the cursor of the page before, at first ``None``."""
    cursor: str | None = None
    while True:
        page = read_page(cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def page_of_wanted(
    read_page: Callable[[int, str | None], Page[Item]],
    is_wanted: Callable[[Item], bool],
    limit: int,
    after: str | None = None,
) -> Page[Item]:
    """At most ``limit`` wanted items of a list. It looks at ``MOST_LOOKED_AT`` items, no more.

    So a page may be short, and not the last. ``read_page`` gets how many items to read at most,
    and the cursor to go on from.
    """
    found: list[Item] = []
    cursor, left, size = after, MOST_LOOKED_AT, limit
    while True:
        size = min(size, left)
        page = read_page(size, cursor)
        wanted = [number for number, item in enumerate(page.items, start=1) if is_wanted(item)]
        missing = limit - len(found)
        if len(wanted) > missing:
            # Read again up to the last one that is wanted: the page has to end there.
            page = read_page(wanted[missing - 1], cursor)
        found += filter(is_wanted, page.items)
        cursor, left = page.cursor, left - size
        if cursor is None or len(found) >= limit or left <= 0:
            return Page(tuple(found), cursor)
        size = max(limit, PAGE_SIZE)


def write_cursor(list_name: str, *place: str) -> str:
    """The cursor that leads the list with this name on from ``place``."""
    text = json.dumps([list_name, *place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(list_name: str, cursor: str, length: int) -> tuple[str, ...]:
    """The place of ``length`` texts in a cursor of this list, or ``InvalidCursorError``."""
    try:
        name, *place = _parts(cursor)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidCursorError(_NO_CURSOR) from error
    if name != list_name or len(place) != length or not all(map(_is_text, place)):
        raise InvalidCursorError(_NO_CURSOR)
    return tuple(place)


def _parts(cursor: str) -> Any:  # noqa: ANN401 - whatever it says
    standard = cursor[:_LONGEST_CURSOR].encode("ascii").translate(_STANDARD)
    return json.loads(binascii.a2b_base64(standard + b"=" * (-len(standard) % 4), strict_mode=True))


def _is_text(part: object) -> bool:
    """Whether it is a text that a store can take: half a surrogate pair is none."""
    return isinstance(part, str) and part == part.encode(errors="ignore").decode()
