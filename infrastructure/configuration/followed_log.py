"""The server's log lines about webhooks, for commands that follow them on the same machine.

A command makes a named pipe in the data directory. The server looks for pipes once a second, and
writes its lines into each. So a webhook costs nothing while no command follows, and it never
waits for one: a line for which a pipe has no room is counted, and left out.
"""

import errno
import json
import logging
import os
import select
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from infrastructure.configuration.log_format import JsonLinesFormatter
from infrastructure.durable_files import PRIVATE_FILE

LOOK_SECONDS = 1.0
"""How often the server looks for commands that follow."""

_PREFIX, _SUFFIX = "follower-", ".pipe"
_READ_BYTES = 64 * 1024

Line = Mapping[str, object]
"""One line of the log. Beside those of webhooks, ``server`` is the process that writes from now
on, and ``lost`` is how many lines were left out."""


class LogFollowers(logging.Handler):
    """Writes each line that has an outcome to the commands that follow ``directory``."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._pipes: dict[str, _Pipe] = {}
        self._source = logging.getLogger("application")
        self.setFormatter(JsonLinesFormatter())

    def look(self) -> bool:
        """Find the commands that have begun to follow. Returns that there is no more to do now."""
        present = self._present()
        with self._locked():
            for name in self._pipes.keys() - present:
                self._pipes.pop(name).close()
            for name in present - self._pipes.keys():
                if pipe := _opened(self._directory / name):
                    self._pipes[name] = pipe
                    pipe.write(_encoded({"server": os.getpid()}))
        if self._pipes:
            self._source.addHandler(self)
        else:
            self._source.removeHandler(self)
        return False

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "outcome"):
            line = self.format(record).encode() + b"\n"
            for name in [name for name, pipe in self._pipes.items() if not pipe.write(line)]:
                self._pipes.pop(name).close()

    @override
    def close(self) -> None:
        self._source.removeHandler(self)
        with self._locked():
            while self._pipes:
                self._pipes.popitem()[1].close()
        super().close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _present(self) -> set[str]:
        try:
            return {path.name for path in self._directory.glob(f"{_PREFIX}*{_SUFFIX}")}
        except OSError:
            return set()


@dataclass
class _Pipe:
    """The server's end of a pipe."""

    descriptor: int
    lost: int = 0

    def write(self, line: bytes) -> bool:
        """Write ``line`` if there is room for it; ``False`` if nobody reads any more."""
        before = _encoded({"lost": self.lost}) if self.lost else b""
        try:
            os.write(self.descriptor, before + line)
        except BlockingIOError:
            self.lost += 1
        except OSError:
            return False
        else:
            self.lost = 0
        return True

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self.descriptor)


def _encoded(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _opened(path: Path) -> _Pipe | None:
    """The pipe at ``path``. One that a killed command has left there is removed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ENXIO:  # it has this name only since its reader is there
            with suppress(OSError):
                path.unlink()
        return None
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return _Pipe(descriptor)


@dataclass
class FollowedLog:
    """The command's end of a pipe."""

    descriptor: int
    _rest: bytes = field(default=b"", repr=False)

    def read(self, seconds: float) -> list[Line]:
        """The next lines, or none if none comes within ``seconds``."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return []
        *whole, self._rest = (self._rest + os.read(self.descriptor, _READ_BYTES)).split(b"\n")
        return [_decoded(line) for line in whole]


def _decoded(text: bytes) -> Line:
    try:
        line = json.loads(text)
    except ValueError:  # there was no room for the whole of it
        line = None
    return line if isinstance(line, dict) else {"lost": 1}


@contextmanager
def follow_log(directory: Path) -> Iterator[FollowedLog]:
    """Follow the servers on ``directory``, which exists. Raises ``OSError``."""
    path = directory / f"{_PREFIX}{uuid.uuid4().hex}{_SUFFIX}"
    unfinished = directory / f".{path.name}.tmp"
    os.mkfifo(unfinished, PRIVATE_FILE)
    descriptors: list[int] = []
    try:
        descriptors.append(os.open(unfinished, os.O_RDONLY | os.O_NONBLOCK))
        # Without a writer of its own, a pipe would be at its end with the last server.
        descriptors.append(os.open(unfinished, os.O_WRONLY))
        unfinished.rename(path)
        yield FollowedLog(descriptors[0])
    finally:
        for one in (path, unfinished):
            one.unlink(missing_ok=True)
        for descriptor in descriptors:
            os.close(descriptor)
