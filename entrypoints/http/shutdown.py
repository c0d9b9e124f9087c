"""The end of the server: in good order, or after a deadline without it."""

import logging
import os
import threading
import time

logger = logging.getLogger(__name__)

END_SECONDS = 15.0
"""How long the end may take in all: no provider waits longer for its answer."""

GRACEFUL_SECONDS = 13
"""Within that, how long requests in flight may take: a slot, store and queue, and the spool."""

TASK_SECONDS = 12.0
"""Within that, how long a background task may go on with what it has begun."""

_LOG_SECONDS = 1.0


class Shutdown:
    """Whether the end has begun, and how much time is left."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._began_at = 0.0

    def begin(self) -> None:
        """Let nothing new begin. A signal handler may call it."""
        if not self.begun.is_set():
            self._began_at = time.monotonic()
            self.begun.set()

    def seconds_left(self, seconds: float) -> float:
        """What is left of the first ``seconds`` of the end, which has begun."""
        return max(self._began_at + seconds - time.monotonic(), 0)


def exit_at_deadline(shutdown: Shutdown) -> None:
    """End the process ``END_SECONDS`` after its end has begun, whatever still runs.

    uvicorn stops waiting for requests, but not for the threads that work on them. They are cut
    off as by a crash: what was acknowledged is durable. The exit status is then 1.
    """
    # The thread starts now: a signal handler cannot start one safely.
    threading.Thread(target=_exit, args=(shutdown,), name="shutdown", daemon=True).start()


def _exit(shutdown: Shutdown) -> None:
    shutdown.begun.wait()
    time.sleep(shutdown.seconds_left(END_SECONDS))
    # The program that reads the log may be what hangs.
    log = threading.Thread(target=_log_what_runs, daemon=True)
    log.start()
    log.join(_LOG_SECONDS)
    os._exit(1)


def _log_what_runs() -> None:
    ours = {"MainThread", "shutdown", threading.current_thread().name}
    running = sorted(thread.name for thread in threading.enumerate() if thread.name not in ours)
    logger.error("server ends before its work does", extra={"task": ", ".join(running)})
