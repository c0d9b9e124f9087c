"""Lists that are read page by page: the one style of paging."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

PAGE_SIZE = 100

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
    cursor, left = after, MOST_LOOKED_AT
    while True:
        size = min(max(limit, PAGE_SIZE), left)
        page = read_page(size, cursor)
        wanted = [number for number, item in enumerate(page.items, start=1) if is_wanted(item)]
        room = limit - len(found)
        if len(wanted) > room:
            # Read again up to the last one that there is room for: the page has to end there.
            page = read_page(wanted[room - 1], cursor)
        found += filter(is_wanted, page.items)
        cursor, left = page.cursor, left - size
        if cursor is None or len(found) >= limit or left <= 0:
            return Page(tuple(found), cursor)
