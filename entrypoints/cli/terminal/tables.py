"""Tables for a person; what a table lists is JSON Lines for a program."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from application.ports.pages import MOST_LOOKED_AT, Page
from entrypoints.cli.terminal.output import cut, plain, print_json, print_rich, rich_console

if TYPE_CHECKING:
    from rich.text import Text

Item = TypeVar("Item")

_WIDE_COLUMNS = 120
"""A terminal with so many columns has room for whole tables."""

_WRAPPED_COLUMNS = 13
"""A text that is wrapped is readable with so many columns. With less, columns are left out."""

_GAP = 2

VALUE_COLUMNS = 400
"""Longer values are cut where a person reads them; ``--json`` has them whole."""


@dataclass(frozen=True)
class Column(Generic[Item]):
    """A column of a table, and what it shows of an item.

    ``whole`` cells are for copying and are never broken; a column that is not ``essential``
    is left out on a narrow terminal. If the others need more room still, the last ones are left
    out. The first column always stays.
    """

    name: str
    cell: Callable[[Item], object]
    whole: bool = False
    number: bool = False
    essential: bool = True


@dataclass(frozen=True)
class Listing(Generic[Item]):
    """How a command lists items: each as a row of a table, or as its JSON record.

    ``empty`` is said for no items.
    """

    columns: Sequence[Column[Item]]
    record: Callable[[Item], Mapping[str, object]]
    empty: str = ""

    def print(self, items: Sequence[Item], *, as_json: bool, empty: str | None = None) -> None:
        """Print ``items``, or what is said for none of them."""
        if not as_json:
            print_table(self.columns, items, self.empty if empty is None else empty)
            return
        for item in items:
            print_json(self.record(item))

    def print_page(
        self, page: Page[Item], limit: int, *, as_json: bool, empty: str | None = None
    ) -> None:
        """Print one page, and how to go on: beside JSON Lines on standard error."""
        if page.items or page.cursor is None:
            self.print(page.items, as_json=as_json, empty=empty)
        if page.cursor is not None:
            is_full = len(page.items) == limit
            why = "There may be more" if is_full else f"{MOST_LOOKED_AT} were looked at, of more"
            # Not folded: it is for copying.
            click.echo(f"{why}: go on with --after {page.cursor}", err=as_json)


def print_table(columns: Sequence[Column[Item]], items: Iterable[Item], empty: str = "") -> None:
    """A table for a person, or the sentence ``empty`` when there is nothing to show."""
    from rich.table import Table

    width = rich_console().width
    shown = [column for column in columns if width >= _WIDE_COLUMNS or column.essential]
    rows = [[_text(column.cell(item)) for column in shown] for item in items]
    while len(shown) > 1 and _least_width(shown, rows) > width:
        shown.pop()
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in shown:
        table.add_column(
            column.name,
            no_wrap=column.whole,
            overflow="fold",
            justify="right" if column.number else "left",
        )
    for row in rows:
        table.add_row(*row[: len(shown)])
    if table.row_count == 0:
        click.echo(empty)
    else:
        print_rich(table)


def _text(cell: object) -> "Text":
    return plain("-" if cell is None else str(cell))


def _least_width(columns: Sequence[Column[Item]], rows: Sequence[Sequence["Text"]]) -> int:
    """The columns of a terminal on which whole cells are whole, and others are readable."""
    total = 0
    for number, column in enumerate(columns):
        longest = max(len(column.name), *(row[number].cell_len for row in rows), 0)
        is_wrapped = not (column.whole or column.number)
        total += _GAP + (min(longest, _WRAPPED_COLUMNS) if is_wrapped else longest)
    return total - _GAP


def print_beside(head: "Text", text: "Text") -> None:
    """``head``, and beside it ``text``, whose lines stand below each other."""
    from rich.table import Table

    table = Table.grid()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(head, text)
    print_rich(table)


def print_fields(*fields: tuple[str, str | None]) -> None:
    """Names and values below each other, cut; what has no value is left out."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in fields:
        if value is not None:
            table.add_row(plain(f"  {cut(name)}", "dim"), plain(cut(value, VALUE_COLUMNS)))
    print_rich(table)
