"""The announcement that a database is being rewritten: a lock file that every process sees.

While a process rewrites the file, no other one can write to it. Webhooks go to the spool then.
Consumers, commands and background jobs wait: see ``waiting_for_rewrites``. The lock ends with the
process that holds it, so a killed process leaves none.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from domain.errors import StorageUnavailableError
from infrastructure.durable_files import PRIVATE_FILE, lock_file

FILE_NAME = "rewrite.lock"
_LONGEST_SECONDS = 600.0

_LOOK_SECONDS = 0.2
"""How soon a writer that waits sees that its process ends."""

Ends = Callable[[], bool]
"""Whether the process ends."""

_waits_until: ContextVar[Ends | None] = ContextVar("waits_for_rewrites_until", default=None)


@contextmanager
def waiting_for_rewrites(ends: Ends | None = None) -> Iterator[None]:
    """Within it, this thread's writes wait for the end of a rewrite, and do not fail.

    They fail all the same when the process ``ends``. An inner context waits as its outer one.
    """
    token = _waits_until.set(ends or _waits_until.get() or (lambda: False))
    try:
        yield
    finally:
        _waits_until.reset(token)


class RewriteLock:
    """The lock of the databases in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME

    def is_held(self, *, seconds: float = 0.0) -> bool:
        """Whether a rewrite goes on, still after ``seconds``."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not lock_file(descriptor, fcntl.LOCK_SH, seconds=seconds)
        finally:
            os.close(descriptor)

    def heed(self) -> None:
        """Wait for the end of a rewrite, or raise ``StorageUnavailableError`` at once."""
        if self.is_held():
            ends = _waits_until.get()
            if ends is None:
                raise StorageUnavailableError("an erasure rewrites the database")
            deadline = time.monotonic() + _LONGEST_SECONDS
            while self.is_held(seconds=_LOOK_SECONDS):
                if ends():
                    raise StorageUnavailableError(
                        "an erasure rewrites the database, and this process ends"
                    )
                if time.monotonic() > deadline:
                    raise _too_long()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Announce a rewrite; another process's is waited for."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, PRIVATE_FILE)
        try:
            if os.geteuid() == 0:
                # An operator who erases as root must not lock out the user of the service.
                owner = self.path.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            if not lock_file(descriptor, fcntl.LOCK_EX, seconds=_LONGEST_SECONDS):
                raise _too_long()
            yield
        finally:
            os.close(descriptor)


def _too_long() -> StorageUnavailableError:
    return StorageUnavailableError("an erasure rewrites the database for too long")
