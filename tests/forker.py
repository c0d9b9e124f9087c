"""A process that has imported what commands need, and forks itself for each of them.

``python -m tests.forker SOCKET``. Each message on the socket is one ``Command`` and three files:
its standard output, its standard error, and a pipe. Into the pipe come, as four bytes each, the
id of the command's process and, after its end, its exit status. When the other end of the socket
is closed, this process ends.

What is forked has no threads, no open files and no settings of the tests. It runs the code and
then ends as any interpreter does.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
from typing import NamedTuple

from tests.aws_descriptions import keep_descriptions, read_descriptions

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

_PR_CAPBSET_DROP = 24
_CAPABILITIES_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


class Command(NamedTuple):
    """What ``python -c CODE ARGUMENTS`` gets."""

    code: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    directory: str


def number(value: int) -> bytes:
    """As it is written into the pipe."""
    return value.to_bytes(4, "big", signed=True)


def forked(commands: socket.socket) -> Command | None:
    """Fork a process for each command, in which this returns; ``None`` when no more will come."""
    while True:
        message, files, _, _ = socket.recv_fds(commands, MOST_BYTES, 3)
        if not message:
            return None
        if os.fork() == 0:
            commands.close()
            _keep_a_process(*files)
            return Command(*json.loads(message))
        for file in files:
            os.close(file)


def _keep_a_process(stdout: int, stderr: int, told: int) -> None:
    """Fork the command's process, in which this returns, and tell its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    if process == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
    os.close(stdout)
    os.close(stderr)
    if process == 0:
        os.close(told)
        return
    with suppress(BrokenPipeError):  # the tests have ended
        os.write(told, number(process))
        os.write(told, number(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])))
    os._exit(0)


def _our_modules() -> Iterator[str]:
    for package in OURS:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.startswith(BY_ENVIRONMENT):
                yield module.name


def obey_permissions() -> None:
    """Drop root's right to ignore file permissions. Other users lack that right: nothing changes.

    This process loses it now, and what it runs never gets it.
    """
    system = ctypes.CDLL(None)
    system.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    rights = (ctypes.c_uint32 * 6)()  # those in effect come first
    system.capget(header, rights)
    rights[0] &= ~(1 << _CAP_DAC_OVERRIDE)
    system.capset(header, rights)


def _become(command: Command) -> None:
    """Take over what an interpreter gets when it starts."""
    os.environ.clear()
    os.environ.update(command.environ)
    time.tzset()
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv = ["-c", *command.arguments]
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.chdir(command.directory)


if __name__ == "__main__":
    for name in (*_our_modules(), *OTHERS):
        import_module(name)
    keep_descriptions()
    read_descriptions()
    gc.freeze()  # a collection in what is forked would copy all memory that it shares with this
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the tests end, and so does this
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that keep a process
    command = forked(socket.socket(fileno=int(sys.argv[1])))
    if command is not None:
        _become(command)
        exec(command.code, {"__name__": "__main__"})
