"""Is the data directory as it should be? Nothing is created or changed."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from application.ports.checks import CheckResult, CheckStatus, check_results

MIN_FREE_BYTES = 256 * 1024 * 1024
_MEBIBYTE = 1024 * 1024
_CHECK = "data directory"


def check_directory(directory: Path) -> Iterator[CheckResult]:
    """What a data directory is like, or the place where it will be made."""
    problems = directory_problems(directory)
    if problems or not directory.exists():
        will_be_made = f"{directory} will be made at the start"
        yield from check_results(_CHECK, will_be_made, lambda: problems)
        return
    try:
        milliseconds = sync_seconds(directory) * 1000
    except OSError as error:
        text = f"{directory} cannot hold a file: {error.strerror}"
        yield CheckResult(_CHECK, CheckStatus.ERROR, text)
        return
    text = f"{directory}, a write is durable after {milliseconds:.1f} ms"
    yield CheckResult(_CHECK, CheckStatus.OK, text)


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
