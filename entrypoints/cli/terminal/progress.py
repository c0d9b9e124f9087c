"""How far a long command is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Advance = Callable[[int], None]
"""To be called with how many are done so far."""

PLAIN_EVERY_SECONDS = 5.0


@contextmanager
def progress(what: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Advance]:
    """Tell how many of ``total`` are done. With ``quiet``, only a terminal is told."""
    if total == 1:
        yield _ignore
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _ignore if quiet else _lines(what, total)


def _ignore(_done: int) -> None:
    pass


def _lines(what: str, total: int | None) -> Advance:
    last = time.monotonic()
    of = f" of {total}" if total is not None else ""

    def advance(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_EVERY_SECONDS:
            last = time.monotonic()
            click.echo(f"{what}: {done}{of}")

    return advance


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        # Lines printed meanwhile go above the bar, but never from a file into the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
