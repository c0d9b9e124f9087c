"""Lists that are read page by page: the one style of paging."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

PAGE_SIZE = 100


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
