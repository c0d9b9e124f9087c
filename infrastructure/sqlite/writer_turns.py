"""Turns of the processes that write to one database, so that each gets one soon."""

import fcntl
import os
import time
import weakref
from contextlib import suppress
from pathlib import Path

_POLL_SECONDS = 0.0005


class WriterTurns:
    """A lock on the directory of a database, taken by one process before each transaction.

    A process that finds SQLite's own lock taken looks again after growing pauses, up to 100 ms.
    One that commits without pause then hardly ever lets another one in. This lock is asked for
    twice in a millisecond. It is a courtesy: whoever does not get it in time goes on without,
    and SQLite's lock decides.
    """

    def __init__(self, directory: Path, timeout_seconds: float) -> None:
        self._directory = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        self._timeout_seconds = timeout_seconds
        self._has_turn = False
        self.close = weakref.finalize(self, os.close, self._directory)

    def take(self) -> None:
        """Take a turn, or give up after the time-out."""
        ends_at = time.monotonic() + self._timeout_seconds
        while not self._take() and time.monotonic() < ends_at:
            time.sleep(_POLL_SECONDS)

    def end(self) -> None:
        """End the turn, if there is one."""
        if self._has_turn:
            self._has_turn = False
            fcntl.flock(self._directory, fcntl.LOCK_UN)

    def _take(self) -> bool:
        with suppress(OSError):  # taken, or a file system without such locks
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._has_turn = True
        return self._has_turn
