"""The one way to print: texts for a person, JSON Lines for a program.

Customers decide what is in a message, and a terminal obeys control characters. So whatever
is printed passes ``printable`` (people) or ``to_json`` (programs): both show such characters
instead of sending them. Rich markup is never interpreted either.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from application.clock import utc_now
from domain.times import readable, rfc3339

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

# Controls (C0, DEL, C1), line and paragraph separators, surrogates, and the marks that turn
# the direction of text around: each lets a text look like something that it is not.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_bar: ContextVar["Console | None"] = ContextVar("_bar", default=None)
"""What prints above the progress bar, while there is one on the terminal of the output."""

NO_BREAK = "\N{NO-BREAK SPACE}"

_PIPE_COLUMNS = 10_000
"""A pipe has no width: nothing is folded there."""


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
    is_ascii = encoding not in {"utf-8", "utf8"}
    text = json.dumps(
        value,
        indent=indent,
        ensure_ascii=is_ascii,
        default=lambda each: rfc3339(each) if isinstance(each, datetime) else str(each),
    )
    return "\n".join(_UNSAFE.sub(_code, line) for line in text.split("\n"))


def attributes(value: object, *names: str) -> dict[str, object]:
    """A JSON record of the attributes of ``value`` with these names."""
    return {name: getattr(value, name) for name in names}


def print_json(record: Mapping[str, object]) -> None:
    """One JSON Lines record. Instants are written as RFC 3339 has them."""
    _print(to_json(record))


def plain(text: str, style: str = "", *, lines: bool = False) -> "Text":
    """Text for rich that is neither markup nor able to steer a terminal."""
    from rich.text import Text

    return Text(printable(text, lines=lines), style=style)


def say(text: str, style: str = "", *, lines: bool = False) -> None:
    """Print one text for a person."""
    print_rich(plain(text, style, lines=lines))


def fold(text: str, columns: int) -> str:
    """``text`` on lines of so many columns. A ``NO_BREAK`` becomes a space that ends no line."""
    lines = textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(NO_BREAK, " ")


def print_rich(*renderables: "RenderableType") -> None:
    """Print what rich renders, with colours on a terminal only."""
    console = rich_console()
    with console.capture() as capture:
        console.print(*renderables, sep="\n")
    _print("\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n")))


def _print(text: str) -> None:
    from rich.text import Text

    if (bar := _bar.get()) is None:
        click.echo(text)
    else:
        bar.print(Text.from_ansi(text), soft_wrap=True)


def rich_console() -> "Console":
    """Rich's console for standard output, with nothing interpreted."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)


def moment(instant: datetime | None) -> str | None:
    """An instant for a person, in UTC, to the second; the head of its column names the zone."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if instant else None


def moment_utc(instant: datetime | None) -> str | None:
    """An instant for a person, with its zone."""
    return readable(instant) if instant else None


def duration(seconds: float) -> str:
    """How long something takes, in the one unit that a person would choose."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def latency(seconds: float) -> str:
    """A latency with as many digits as are of interest."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"  # noqa: PLR2004 - 10 ms


def age(since: datetime | None) -> str | None:
    """How long something has been there."""
    return duration(max((utc_now() - since).total_seconds(), 0)) if since else None


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 message``, ``2 messages``, ``2 entries``."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, on a terminal only. Call what it yields with how many are done.

    What is printed meanwhile stands above the bar, on lines of its own.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=total == 1 or not sys.stderr.isatty(),
    )
    # From a file nothing goes to the terminal.
    token = _bar.set(None if bar.disable or not sys.stdout.isatty() else console)
    try:
        with bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
    finally:
        _bar.reset(token)
