"""What the server does beside answering: jobs on threads of their own, again and again."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from entrypoints.http.shutdown import TASK_SECONDS, Shutdown

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """``work`` does a little and returns whether there is more; if not, the task rests."""

    name: str
    work: Callable[[], bool]
    rest_seconds: float


@contextmanager
def running(tasks: Sequence[Task], shutdown: Shutdown) -> Iterator[None]:
    """Run each task on a thread of its own until the end begins, at the latest with the block.

    Then no task begins anything new. What was begun and takes too long is cut off as by a
    crash: another process, or the next start, goes on with it.
    """
    threads = [
        Thread(target=_repeat, args=(task, shutdown.begun), name=task.name, daemon=True)
        for task in tasks
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        shutdown.begin()
        for thread in threads:
            thread.join(shutdown.seconds_left(TASK_SECONDS))


def _repeat(task: Task, shutdown: Event) -> None:
    while not shutdown.is_set():
        try:
            has_more = task.work()
        except Exception as error:
            # A store may be down: the task is what waits until it is back.
            logger.warning(
                "background task failed",
                extra={"task": task.name, "error": type(error).__name__},
                exc_info=error,
            )
            has_more = False
        if not has_more:
            shutdown.wait(task.rest_seconds)
