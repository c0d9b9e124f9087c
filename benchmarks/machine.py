"""The machine and the versions that the figures are of."""

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import ROOT

PEERS = ("uvicorn", "httptools", "uvloop", "Flask", "twilio", "SQLAlchemy", "gunicorn",
         "Django", "django-anymail")  # fmt: skip
IN_MEMORY = ("tmpfs", "ramfs")
SYNCS = 50


def describe(folder: Path) -> dict[str, str]:
    """What a reader must know to compare: ``folder`` is on the disk that is written to."""
    kind = filesystem(folder)
    pins = dict(
        line.split("==") for line in (ROOT / "constraints/bench.txt").read_text().splitlines()
    )
    return {
        "CPU": _cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "filesystem": kind,
        "sync of 4 KB": f"{_sync_ms(folder):.2f} ms, median of {SYNCS}",
        "peers": ", ".join(f"{name} {pins[name]}" for name in PEERS),
        "Frontdesk's server": f"uvicorn {version('uvicorn')}",
    }


def filesystem(folder: Path) -> str:
    """The kind of file system that a folder is on."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    path = str(folder.resolve())
    holding = [mount for mount in mounts if path.startswith(mount[1])]
    return max(holding, key=lambda mount: len(mount[1]))[2]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _sync_ms(folder: Path) -> float:
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)
