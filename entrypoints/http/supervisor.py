"""Several processes that serve one socket: started, started again, and ended together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

from entrypoints.composition.backends import create_shared_metrics
from entrypoints.http.shutdown import END_SECONDS

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""How soon a dead worker is noticed."""

PAUSE_SECONDS = 1.0
"""How long a dead worker's place stays empty; each time twice as long, if it soon dies again."""

LONGEST_PAUSE_SECONDS = 30.0

STEADY_SECONDS = 60.0
"""A worker that has lived so long does not die of its start."""

_GRACE_SECONDS = 2.0


class Worker:
    """The process with one number, and the next one if it dies."""

    def __init__(self, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self._start = start
        self._pause = PAUSE_SECONDS
        self._due_at = 0.0
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def keep_alive(self) -> None:
        """Start it if it does not run, after a pause."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._report(self._process.returncode, now)
            self._process = None
        if self._process is None and now >= self._due_at:
            self._started_at = now
            try:
                self._process = self._start()
            except OSError as error:  # no memory or no process left: the others go on
                self._put_off(now)
                logger.error("worker cannot be started", extra={"reason": error.strerror})  # noqa: TRY400 - the reason says it

    def send(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, and enforce it after ``seconds``; whether it was in good order."""
        if self._process is None:
            return True
        try:
            # Of SIGTERM itself it dies only before it has accepted anything.
            return self._process.wait(seconds) in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def _report(self, status: int, now: float) -> None:
        has_been_steady = now - self._started_at >= STEADY_SECONDS
        self._pause = PAUSE_SECONDS if has_been_steady else self._pause
        self._put_off(now)
        logger.error("worker has ended and is started again", extra={"status": status})

    def _put_off(self, now: float) -> None:
        self._due_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


class Supervisor:
    """Runs ``count`` workers on ``listener`` until SIGTERM or SIGINT, which it heeds at once.

    Each worker is a new interpreter: nothing that is open here is carried into it, but for the
    socket, a pipe, and the memory in which all of them count. When this process ends, however
    that is, the pipe tells the workers.
    """

    def __init__(self, listener: socket.socket, count: int) -> None:
        self._listener = listener
        self._parent, self._held_open = os.pipe()
        self._metrics = create_shared_metrics(count)
        self._started_at = time.time_ns() // 1000
        self._workers = [Worker(self._starter(number, count)) for number in range(count)]
        self._ends = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)

    def run(self) -> bool:
        """Return after the end whether all workers ended in good order."""
        while not self._ends:
            for worker in self._workers:
                worker.keep_alive()
            time.sleep(POLL_SECONDS)
        for worker in self._workers:
            worker.send(signal.SIGTERM)
        self._listener.close()
        ends_at = time.monotonic() + END_SECONDS + _GRACE_SECONDS
        ended = [worker.wait(max(ends_at - time.monotonic(), 0)) for worker in self._workers]
        return all(ended)

    def _end(self, number: int, _: FrameType | None) -> None:
        if self._ends and number == signal.SIGINT:
            for worker in self._workers:  # an operator who asks twice does not want to wait
                worker.send(number)
        self._ends = True

    def _starter(self, number: int, count: int) -> Callable[[], "subprocess.Popen[bytes]"]:
        files = (self._listener.fileno(), self._parent, self._metrics)
        arguments = map(str, (*files, self._started_at, number, count))
        # -P: a folder in which the server is started cannot bring modules of its own.
        command = (sys.executable, "-P", "-m", "entrypoints.http.worker", *arguments)
        # In a group of its own Ctrl-C does not reach it: the parent passes the signal on.
        return lambda: subprocess.Popen(command, pass_fds=files, process_group=0)  # noqa: S603 - our own
