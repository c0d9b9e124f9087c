"""Calls that happen at the same moment, as far as threads can."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

Result = TypeVar("Result")


def at_once(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """The results of ``calls``, each made in a thread of its own that waited for all others."""
    backlog = list(calls)
    barrier = Barrier(len(backlog), timeout=30)

    def run(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(backlog)) as threads:
        return list(threads.map(run, backlog))
