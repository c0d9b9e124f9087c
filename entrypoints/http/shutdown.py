"""The end of the server: in good order if that can be had in time, and otherwise an end."""

import logging
import os
import threading
import time

logger = logging.getLogger(__name__)

END_SECONDS = 15.0
"""How long the end may take in all: no provider waits longer for its answer."""

GRACEFUL_SECONDS = 13
"""Within that, how long what is in flight may take: a place, store and queue, and the spool."""

TASK_SECONDS = 12.0
"""And how long a background task may go on with what it has begun."""

_LOG_SECONDS = 1.0


class Shutdown:
    """Whether the end has begun, and how much time is left then."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._began_at = 0.0

    def begin(self) -> None:
        """Let nothing new begin. For the handler of a signal, too."""
        if not self.begun.is_set():
            self._began_at = time.monotonic()
            self.begun.set()

    def seconds_left(self, seconds: float) -> float:
        """What is left of the first ``seconds`` of the end, which has begun."""
        return max(self._began_at + seconds - time.monotonic(), 0)


def end_in_time(shutdown: Shutdown) -> None:
    """``END_SECONDS`` after its end has begun the process is no more, whatever still runs.

    That is cut off as by a crash, for what was acknowledged is durable; the status is then 1.
    """
    # Begun now: no thread can be started safely in the handler of a signal.
    threading.Thread(target=_end, args=(shutdown,), name="shutdown", daemon=True).start()


def _end(shutdown: Shutdown) -> None:
    shutdown.begun.wait()
    time.sleep(shutdown.seconds_left(END_SECONDS))
    # Whoever reads the log may be what hangs.
    teller = threading.Thread(target=_tell_what_runs, daemon=True)
    teller.start()
    teller.join(_LOG_SECONDS)
    os._exit(1)


def _tell_what_runs() -> None:
    ours = {"MainThread", "shutdown", threading.current_thread().name}
    running = sorted(thread.name for thread in threading.enumerate() if thread.name not in ours)
    logger.error("server ends before its work does", extra={"task": ", ".join(running)})
