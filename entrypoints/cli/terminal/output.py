"""The one way to print: tables and texts for a person, JSON Lines for a program.

Customers decide what is in a message, and a terminal obeys control characters. So whatever
is printed passes ``printable`` (people) or ``to_json`` (programs): both show such characters
instead of sending them. Rich markup is never interpreted either.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from application.clock import utc_now

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

Command = TypeVar("Command", bound=Callable[..., object])

# Controls (C0, DEL, C1), line and paragraph separators, surrogates, and the marks that turn
# the direction of text around: each lets a text look like something that it is not.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_PIPE_COLUMNS = 10_000
"""A pipe has no width: nothing is folded there."""
_WIDE_COLUMNS = 120
"""A terminal with so many columns has room for whole tables."""


def printable(text: str, *, lines: bool = False) -> str:
    r"""``text`` with everything shown that a terminal would obey: ESC becomes ``\x1b``.

    With ``lines`` its line breaks and tabs stay.
    """
    if lines:
        text = text.replace("\r\n", "\n").expandtabs(4)
        return "\n".join(_UNSAFE.sub(_shown, line) for line in text.split("\n"))
    return _UNSAFE.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode() if match[0].isascii() else _code(match)


def _code(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def one_line(text: str) -> str:
    """``text`` on one line, safe to print."""
    return printable(" ".join(text.split()))


def cut(text: str, columns: int = 60) -> str:
    """The beginning of ``text`` on one line, with an ellipsis where something is missing."""
    line = " ".join(text[: columns * 4].split())
    return line if len(line) <= columns and len(text) <= columns * 4 else f"{line[: columns - 1]}…"


def to_json(value: object, indent: int | None = None) -> str:
    """``value`` as JSON that is safe on a terminal and in its encoding."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    text = json.dumps(value, indent=indent, ensure_ascii=encoding not in {"utf-8", "utf8"})
    parts = (_UNSAFE.sub(_code, line) for line in text.split("\n"))
    return "\n".join(parts)


def print_json(record: Mapping[str, object]) -> None:
    """One JSON Lines record."""
    click.echo(to_json(record))


def json_option(command: Command) -> Command:
    """Add ``--json`` to a command, as its parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="JSON Lines, for a program.")(
        command
    )


def limit_option(default: int, help_text: str = "At most so many.") -> Callable[[Command], Command]:
    """Add ``--limit`` to a command, as its parameter ``limit``."""
    return click.option(
        "--limit", type=click.IntRange(1), default=default, show_default=True, help=help_text
    )


def examples(*lines: str) -> str:
    """The end of a command's help: how to use it."""
    # The backspace is click's mark for a paragraph whose line breaks stay.
    return "\n  ".join(["\b\nExamples:" if len(lines) > 1 else "\b\nExample:", *lines])


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    ``whole`` cells are for copying and are never broken; a column that is not ``essential``
    is left out on a narrow terminal.
    """

    name: str
    whole: bool = False
    number: bool = False
    essential: bool = True


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table for a person, or the sentence ``empty`` when there is nothing to show."""
    from rich.table import Table

    is_wide = _console().width >= _WIDE_COLUMNS
    shown = [column for column in columns if is_wide or column.essential]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in shown:
        table.add_column(
            column.name,
            no_wrap=column.whole,
            overflow="fold",
            justify="right" if column.number else "left",
        )
    for row in rows:
        cells = (cell for column, cell in zip(columns, row, strict=True) if column in shown)
        table.add_row(*(plain("-" if cell is None else str(cell)) for cell in cells))
    if table.row_count == 0:
        click.echo(empty)
    else:
        print_rich(table)


def plain(text: str, style: str = "", *, lines: bool = False) -> "Text":
    """Text for rich that is neither markup nor able to steer a terminal."""
    from rich.text import Text

    return Text(printable(text, lines=lines), style=style)


def print_rich(*renderables: "RenderableType") -> None:
    """Print what rich renders, with colours on a terminal only."""
    console = _console()
    with console.capture() as capture:
        console.print(*renderables, sep="\n")
    click.echo("\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n")))


def print_json_pretty(value: object) -> None:
    """``value`` as indented JSON, with colours on a terminal."""
    text = to_json(value, indent=2)
    if not sys.stdout.isatty():
        click.echo(text)
        return
    from rich.syntax import Syntax

    print_rich(Syntax(text, "json", theme="ansi_dark", background_color="default", word_wrap=True))


def _console() -> "Console":
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)


def moment(instant: datetime | None) -> str | None:
    """An instant for a person, in UTC, to the second."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if instant else None


_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def duration(seconds: float) -> str:
    """How long something takes, in the one unit that a person would choose."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    if seconds >= 1:
        return f"{seconds:.0f} s"
    return f"{seconds * 1000:.0f} ms"


def age(since: datetime | None) -> str | None:
    """How long something has been there."""
    if since is None:
        return None
    seconds = max((utc_now() - since).total_seconds(), 0)
    return duration(seconds) if seconds >= 1 else "0 s"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 message``, ``2 messages``, ``2 entries``."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def safe_encoding() -> None:
    """Let a terminal that is not UTF-8 show a substitute instead of breaking a command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
