"""Threads for work that blocks, with one hop to the thread and one back."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

logger = logging.getLogger(__name__)

Job = tuple[Callable[[], None], Callable[[], None], asyncio.AbstractEventLoop]


class WorkerThreads:
    """As many threads as were ever busy at once. Its caller limits how many that are.

    A general executor makes a future with a lock and a condition for each job, which costs
    more than the hop.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._busy = 0

    def submit(self, work: Callable[[], None], done: Callable[[], None]) -> None:
        """Do ``work`` on a thread, and then, even if it raises, ``done`` on the event loop's."""
        self._busy += 1
        self._jobs.put((work, lambda: self._done(done), asyncio.get_running_loop()))
        if self._busy > len(self._threads):
            name = f"webhook-{self._busy}"
            thread = Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
            with suppress(RuntimeError):  # the system grants no more: another thread does it
                thread.start()
                self._threads.append(thread)

    def close(self) -> None:
        """Wait until all work is done."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _done(self, done: Callable[[], None]) -> None:
        self._busy -= 1
        done()


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while _do(jobs.get()):
        pass


def _do(job: Job | None) -> bool:
    """Do ``job``, and hold nothing of it afterwards; whether there was one."""
    if job is None:
        return False
    work, done, loop = job
    try:
        work()
    except BaseException:
        # Without the thread and its place, one webhook less could be worked on for ever.
        logger.exception("thread met an error")
    with suppress(RuntimeError):  # the loop has ended: no client waits any more
        loop.call_soon_threadsafe(done)
    return True
