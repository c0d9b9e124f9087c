"""Lists of which the oldest come first: a table for a person, JSON Lines for a program."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from entrypoints.cli.terminal.output import (
    Column,
    plain,
    print_json,
    print_rich,
    print_table,
)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class OldestFirst(Generic[Item]):
    """How to print each item: its cells under ``columns``, or its JSON record."""

    columns: Sequence[Column]
    cells: Callable[[Item], Sequence[object]]
    record: Callable[[Item], Mapping[str, object]]
    empty: str

    def print(self, items: Sequence[Item], limit: int, *, as_json: bool) -> None:
        """Print ``items``; as many as ``limit`` may not be all."""
        if as_json:
            for item in items:
                print_json(self.record(item))
            return
        print_table(self.columns, map(self.cells, items), self.empty)
        if len(items) == limit:
            print_rich(plain(f"The oldest {limit}: a larger --limit shows more.", "dim"))
