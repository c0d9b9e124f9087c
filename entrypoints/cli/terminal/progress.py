"""How far a long command is: a bar, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""To be called with how many are done so far."""


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Advance]:
    """Show on standard error how many of ``total`` are done."""
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
        disable=total == 1 or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
