"""Real processes of Frontdesk: forked from one that has imported already, or installed commands."""

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Self, cast

from tests.forker import IS_LINUX, Command, obey_permissions

FRONTDESK = str(Path(sys.executable).with_name("frontdesk"))
"""The command as an operator installs it. It imports for half a second before it does anything."""

SERVE = (FRONTDESK, "serve", "--port", "0")
MAIN = "from entrypoints.cli.main import main; main()"
END_SECONDS = 30

_ROOT = Path(__file__).parents[1]
_OBEDIENT_MAIN = f"from tests.forker import obey_permissions; obey_permissions(); {MAIN}"


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """An environment without the machine's settings, except for the path of programs."""
    return {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **settings}


class Forked:
    """A process that is used like one of ``subprocess``; what it prints is in ``stdout``."""

    def __init__(self, stdout: IO[str], told: int) -> None:
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = told
        self.pid = self._number()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()
        os.close(self._told)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, for ``timeout`` seconds at most; return the exit status."""
        if self.returncode is None:
            if not wait_for([self._told], timeout):
                raise subprocess.TimeoutExpired("frontdesk", timeout or 0)
            self.returncode = self._number()
        return self.returncode

    def poll(self) -> int | None:
        """The exit status, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, if it has not ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended just now
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        told = os.read(self._told, 4)
        assert told, "the process that forks has died"
        return int.from_bytes(told, "big", signed=True)


@cache
def _forker(*modules: str) -> socket.socket:
    """The socket of a process that imports once, and ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.forker", str(its.fileno()), *modules]
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
    )
    its.close()
    atexit.register(process.wait, END_SECONDS)
    atexit.register(ours.close)  # comes first, and ends the process
    return ours


def start(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    stderr: int = 2,
    code: str = MAIN,
    modules: Sequence[str] = (),
) -> Forked:
    """Run ``code`` with ``arguments`` like ``python -c``, where all is imported that it needs.

    Instead of Frontdesk, ``modules`` are imported. ``stderr`` is the number of an open file.
    """
    if not IS_LINUX:
        return cast("Forked", _interpreter(arguments, environ, stderr, code))
    command = Command(code, arguments, dict(environ), str(Path.cwd()))
    told, to_tell = os.pipe()
    printed, stdout = os.pipe()
    message = json.dumps(command).encode()
    socket.send_fds(_forker(*modules), [message], (stdout, stderr, to_tell))
    os.close(stdout)
    os.close(to_tell)
    return Forked(os.fdopen(printed, encoding="utf-8"), told)


def _interpreter(
    arguments: Sequence[str], environ: Mapping[str, str], stderr: int, code: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**environ, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def run(*arguments: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run ``frontdesk`` with ``arguments`` to its end."""
    with TemporaryFile() as stderr, start(arguments, environ, stderr=stderr.fileno()) as process:
        try:
            stdout = process.stdout.read()
            status = process.wait()
        finally:
            process.kill()
        stderr.seek(0)
        return subprocess.CompletedProcess(arguments, status, stdout, stderr.read().decode())


@dataclass
class Server:
    """A server at ``origin``; ``printed`` is complete after its end."""

    process: "Forked | subprocess.Popen[str]"
    origin: str
    printed: str

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(END_SECONDS)


@contextmanager
def server_process(
    environ: Mapping[str, str], log: Path, command: Sequence[str] = ()
) -> Iterator[Server]:
    """A server that writes its log to a file; it must end with status 0."""
    with killed_server(environ, command, log) as server:
        try:
            yield server
        finally:
            server.terminate()
            server.wait()
            assert server.process.stdout is not None
            # What came with the first line is in the buffer, which ``communicate`` passes over.
            server.printed += server.process.stdout.read()
        assert server.process.returncode == 0


@contextmanager
def killed_server(
    environ: Mapping[str, str], command: Sequence[str] = (), log: Path = Path(os.devnull)
) -> Iterator[Server]:
    """A server that is killed in the end, and obeys file permissions even if root runs the tests.

    It is forked, or else started by ``command``.
    """
    with log.open("wb") as stderr, _started(environ, command, stderr.fileno()) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found is not None
            yield Server(process, found.group(), line)
        finally:
            process.kill()


def _started(
    environ: Mapping[str, str], command: Sequence[str], stderr: int
) -> "Forked | subprocess.Popen[str]":
    if not command:
        return start(("serve", "--port", "0"), environ, stderr=stderr, code=_OBEDIENT_MAIN)
    return subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        preexec_fn=obey_permissions,  # noqa: PLW1509 - calls of the system
    )
