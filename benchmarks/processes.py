"""Processes that are measured: started on one core, with their CPU time and memory."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

START_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_CPU_FIELDS = slice(11, 15)
"""utime, stime, cutime and cstime of /proc/PID/stat, counted after the command's name."""


def cores() -> tuple[int, int]:
    """One core for the server and one for the client; the same if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pinned(core: int) -> "Pin":
    """For ``preexec_fn``: the process and its children run on this core."""
    return Pin(core)


@dataclass(frozen=True)
class Pin:
    """Puts the process that calls it on one core."""

    core: int

    def __call__(self) -> None:
        """Every thread and child of it stays there."""
        os.sched_setaffinity(0, {self.core})


@dataclass(frozen=True)
class Measured:
    """A running process, and what it has used with its children."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time since the start, user and system, of the whole tree."""
        return sum(_cpu_ticks(pid) for pid in self._tree()) / _TICKS

    def resident_bytes(self) -> int:
        """Memory of the whole tree now."""
        return sum(_memory(pid, "VmRSS:") for pid in self._tree())

    def peak_bytes(self) -> int:
        """The most that each process had since ``forget_peak``, added up."""
        return sum(_memory(pid, "VmHWM:") for pid in self._tree())

    def forget_peak(self) -> None:
        """Count the peak from now on (proc(5), clear_refs)."""
        for pid in self._tree():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def busiest(self) -> int:
        """The process of the tree with the most CPU time: the one that answers."""
        return max(self._tree(), key=_cpu_ticks)

    def _tree(self) -> list[int]:
        tree, parents = [self.pid], _parents()
        for pid in tree:
            tree += [child for child, parent in parents.items() if parent == pid]
        return tree


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], log: Path, port: int
) -> Iterator[Measured]:
    """A server on the first core, once it accepts connections on ``port``."""
    with (
        log.open("ab") as output,
        subprocess.Popen(  # noqa: S603 - our own commands
            command,
            env=dict(environ),
            stdout=output,
            stderr=output,
            preexec_fn=pinned(cores()[0]),  # noqa: PLW1509 - one call of the system
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield Measured(process.pid, port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port that no process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def cpu_of(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """CPU seconds of one run of a command, which must succeed."""
    process = subprocess.Popen(  # noqa: S603 - our own commands
        command, env=dict(environ), stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(f"a server did not start: see {log}") from error
            time.sleep(0.02)
        else:
            return


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _parents() -> dict[int, int]:
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return {pid: int(stat[1]) for pid in pids if (stat := _stat(pid))}


def _cpu_ticks(pid: int) -> int:
    return sum(map(int, _stat(pid)[_CPU_FIELDS]))


def _memory(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(name)[2].split()[0]) * 1024
