"""Is the data directory as it should be? Nothing is created or changed."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from application.ports.checks import CheckResult, check_results

MIN_FREE_BYTES = 256 * 1024 * 1024
_MEBIBYTE = 1024 * 1024


def check_directory(directory: Path) -> Iterator[CheckResult]:
    """What a data directory is like, or the place where it will be made."""
    problems, text = directory_problems(directory), f"{directory} will be made at the start"
    if directory.exists() and not problems:
        try:
            text = f"{directory}, a write is durable after {sync_seconds(directory) * 1000:.1f} ms"
        except OSError as error:
            problems = (f"{directory} cannot hold a file: {error.strerror}",)
    return check_results("data directory", text, lambda: problems)


def directory_problems(directory: Path) -> tuple[str, ...]:
    """What is wrong with a data directory, or with where it will be made: empty if nothing is."""
    present = directory.absolute()
    while not present.exists():
        present = present.parent
    if not present.is_dir():
        return (f"{present} is a file, expected a directory",)
    if not os.access(present, os.W_OK | os.X_OK):
        return (f"{present} cannot be written to by this user",)
    free = shutil.disk_usage(present).free
    if free < MIN_FREE_BYTES:
        expected = f"expected at least {MIN_FREE_BYTES // _MEBIBYTE} MiB"
        return (f"{present} has {free // _MEBIBYTE} MiB left, {expected}",)
    return ()


def sync_seconds(directory: Path) -> float:
    """How long it takes until a small file in ``directory`` is durable. Raises ``OSError``."""
    with tempfile.TemporaryFile(dir=directory) as file:
        started = time.perf_counter()
        file.write(b"\0" * 4096)
        file.flush()
        os.fsync(file.fileno())
        return time.perf_counter() - started
