"""Calls that start at the same moment in several threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

Result = TypeVar("Result")


def at_once(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Make each call in its own thread, all at the same moment, and return their results."""
    backlog = list(calls)
    barrier = Barrier(len(backlog), timeout=30)

    def run(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(backlog)) as threads:
        return list(threads.map(run, backlog))
