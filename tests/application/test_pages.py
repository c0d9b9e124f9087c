"""Pages of a search, and cursors."""

from base64 import urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.pages import (
    MOST_LOOKED_AT,
    Page,
    page_of_wanted,
    read_cursor,
    write_cursor,
)
from domain.errors import InvalidCursorError
from tests.contracts.cursors import WRONG_CURSORS


class Numbers:
    """A list of numbers that counts how many were read. ``stop`` is its length."""

    def __init__(self, stop: int) -> None:
        self.stop = stop
        self.seen: set[int] = set()

    def read(self, size: int, cursor: str | None) -> Page[int]:
        start = int(cursor or 0)
        items = tuple(range(start, min(start + size, self.stop)))
        self.seen.update(items)
        end = start + len(items)
        return Page(items, str(end) if end < self.stop else None)


def pages(numbers: Numbers, is_wanted: Callable[[int], bool], limit: int) -> list[tuple[int, ...]]:
    """Every page of the wanted numbers."""
    found: list[tuple[int, ...]] = []
    cursor: str | None = None
    while True:
        page = page_of_wanted(numbers.read, is_wanted, limit, cursor)
        found.append(page.items)
        cursor = page.cursor
        if cursor is None:
            return found


@given(st.integers(0, 300), st.sets(st.integers(0, 299)), st.integers(1, 50))
def test_pages_have_every_wanted_item_once_in_order(
    stop: int, wanted: set[int], limit: int
) -> None:
    found = pages(Numbers(stop), wanted.__contains__, limit)
    assert [number for page in found for number in page] == sorted(
        number for number in wanted if number < stop
    )
    assert all(len(page) == limit for page in found[:-1])
    assert len(found[-1]) <= limit


def test_page_without_a_wanted_item_ends_after_the_items_that_may_be_looked_at() -> None:
    numbers = Numbers(10_000)
    page = page_of_wanted(numbers.read, lambda number: number == MOST_LOOKED_AT, 10)
    assert page == Page((), str(MOST_LOOKED_AT))
    assert numbers.seen == set(range(MOST_LOOKED_AT))
    following = page_of_wanted(numbers.read, lambda number: number == MOST_LOOKED_AT, 10, "1000")
    assert following.items == (MOST_LOOKED_AT,)


def test_page_reads_no_more_than_its_limit_where_every_item_is_wanted() -> None:
    numbers = Numbers(10_000)
    assert page_of_wanted(numbers.read, lambda _: True, 7) == Page(tuple(range(7)), "7")
    assert numbers.seen == set(range(7))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=4))
def test_cursor_leads_back_to_its_place(place: list[str]) -> None:
    cursor = write_cursor("list", *place)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert read_cursor("list", cursor, len(place)) == tuple(place)


@pytest.mark.parametrize("cursor", [*WRONG_CURSORS, write_cursor("list", "a", "b")])
def test_text_that_is_no_cursor_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError, match="not one of this list"):
        read_cursor("list", cursor, 1)


@pytest.mark.parametrize("place", ['["list","\\ud800"]', '["list",1]', '["list",null]', "{}"])
def test_cursor_with_a_place_that_is_no_text_is_refused(place: str) -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor("list", urlsafe_b64encode(place.encode()).decode().rstrip("="), 1)
