"""A group whose commands are imported one by one, with the first use of each."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import NamedTuple

import click
from typing_extensions import override

from entrypoints.cli.terminal.commands import Group


class LazyCommand(NamedTuple):
    """Where a command is, and what the help of its group says of it."""

    module: str
    attribute: str
    summary: str


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name. Who only asks for names imports nothing."""

    def __init__(self, places: Mapping[str, LazyCommand]) -> None:
        self._found: dict[str, LazyCommand | click.Command] = {**places}

    @override
    def __getitem__(self, name: str) -> click.Command:
        found = self._found[name]
        if isinstance(found, LazyCommand):
            command: click.Command = getattr(import_module(found.module), found.attribute)
            self._found[name] = found = command
        return found

    @override
    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    @override
    def __delitem__(self, name: str) -> None:
        del self._found[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    @override
    def __len__(self) -> int:
        return len(self._found)


class LazyGroup(Group):
    """A group over ``places``, whose own help imports none of them."""

    places: Mapping[str, LazyCommand] = {}

    def load_from(self, places: Mapping[str, LazyCommand]) -> None:
        """Take the commands from ``places``, in that order."""
        self.places = places
        self.commands = _Commands(places)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in self.places.items()])
