"""A process that has imported what commands need, and forks itself for each of them.

``python -m tests.forker SOCKET [MODULE ...]``: the modules, or else all that servers and commands
need, are imported. Each message on the socket is one ``Command`` and three files: its standard
output, its standard error, and a pipe. Into the pipe come, as four bytes each, the id of the
command's process and, after its end, its exit status. When the other end of the socket is closed,
this process ends, and so does what still runs of the commands.

What is forked has no threads, no open files and no settings of the tests. It runs the code and
then ends as any interpreter does.
"""

import atexit
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
from typing import NamedTuple

OURS = ("domain", "application", "infrastructure", "entrypoints")
BY_ENVIRONMENT = "entrypoints.aws_lambda"
"""What reads its settings when it is imported."""

OTHERS = (
    *("uvicorn.lifespan.off", "uvicorn.loops.auto", "uvicorn.loops.uvloop", "encodings.idna"),
    *("cryptography.hazmat.primitives.asymmetric.ec", "rich.table"),
    "cryptography.hazmat.primitives.serialization",
)
"""What the modules of servers and commands import only when they run."""

MOST_BYTES = 100_000

IS_LINUX = sys.platform.startswith("linux")
"""Elsewhere it is not safe to fork, and no socket keeps messages apart."""

_PR_CAPBSET_DROP = 24
_CAPABILITIES_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


class Command(NamedTuple):
    """What ``python -c CODE ARGUMENTS`` gets."""

    code: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    directory: str

    def run(self) -> None:
        """Run the code with all that an interpreter gets when it starts."""
        os.environ.clear()
        os.environ.update(self.environ)
        time.tzset()
        sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
        sys.argv = ["-c", *self.arguments]
        sys.stdout = os.fdopen(1, "w", errors=sys.stdout.errors)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
        os.chdir(self.directory)
        exec(self.code, {"__name__": "__main__"})


def forked(commands: socket.socket) -> Command | None:
    """Fork a process for each command, in which this returns; ``None`` when no more will come."""
    pipes: dict[int, int] = {}
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    while True:
        ready, _, _ = select.select([commands.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, MOST_BYTES)
            _tell_of_ends(pipes)
        if commands.fileno() not in ready:
            continue
        message, files, _, _ = socket.recv_fds(commands, MOST_BYTES, 3)
        if not message:
            for process in pipes:
                os.kill(process, signal.SIGKILL)  # who would have ended it was killed
            return None
        stdout, stderr, pipe = files
        process = os.fork()
        if process == 0:
            signal.set_wakeup_fd(-1)
            for file in (commands.detach(), woken, wakes, pipe, *pipes.values()):
                os.close(file)
            _take_over(stdout, stderr)
            return Command(*json.loads(message))
        pipes[process] = pipe
        _tell(pipe, process)
        os.close(stdout)
        os.close(stderr)


def _tell_of_ends(pipes: dict[int, int]) -> None:
    while pipes:
        process, status = os.waitpid(-1, os.WNOHANG)
        if process == 0:
            return
        _tell(pipes[process], os.waitstatus_to_exitcode(status))
        os.close(pipes.pop(process))


def _tell(pipe: int, number: int) -> None:
    with suppress(BrokenPipeError):  # the test has ended
        os.write(pipe, number.to_bytes(4, "big", signed=True))


def _take_over(stdout: int, stderr: int) -> None:
    """Take over the standard streams, and heed signals like an interpreter that starts."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for file, number in ((stdout, 1), (stderr, 2)):
        os.dup2(file, number)
        os.close(file)


def obey_permissions() -> None:
    """Drop root's right to ignore file permissions. Other users lack that right: nothing changes.

    This process loses it now, and what it runs never gets it. Only Linux can do that.
    """
    if not IS_LINUX:
        return
    system = ctypes.CDLL(None)
    system.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    rights = (ctypes.c_uint32 * 6)()  # those in effect come first
    system.capget(header, rights)
    rights[0] &= ~(1 << _CAP_DAC_OVERRIDE)
    system.capset(header, rights)


def _import_all(modules: Sequence[str]) -> None:
    from tests.aws_descriptions import read_descriptions, share_descriptions

    for name in modules or (*_our_modules(), *OTHERS):
        import_module(name)
    share_descriptions()
    read_descriptions()
    gc.freeze()  # a collection in what is forked would copy all memory that it shares with this


def _our_modules() -> Iterator[str]:
    for package in OURS:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.startswith(BY_ENVIRONMENT):
                yield module.name


def _main(socket_number: int, modules: Sequence[str]) -> None:
    statuses: list[int] = []

    def end_soon() -> None:
        """Take no modules apart, which would take longer than most commands."""
        if statuses:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(statuses[0])

    atexit.register(end_soon)  # before all others, and so it is called after them
    _import_all(modules)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the tests end, and so does this
    command = forked(socket.socket(fileno=socket_number))
    if command is None:
        return
    try:
        command.run()
    except SystemExit as end:
        if isinstance(end.code, int):
            statuses.append(end.code)
        raise


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
