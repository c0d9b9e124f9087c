"""Files that are whole or absent, and still there after a power failure."""

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from domain.errors import StorageUnavailableError

_UNFINISHED = (".tmp", ".incoming")
"""How the names of files end that are being written, with a dot before them."""

BROKEN_FILE = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.EIO})
"""What is wrong with a file, not with this process or with the whole disk."""

_UNFIT_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What no waiting mends. A full disk may have room again."""

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700

_POLL_SECONDS = 0.005


def make_directory(directory: Path) -> None:
    """Create ``directory`` and what is missing above it, durably, for this user alone."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable: a synced file may otherwise lose its own."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_file(path: Path, content: bytes, *, modified_at: datetime | None = None) -> bool:
    """Write ``content`` under the new name ``path``; ``False`` if that name is taken.

    What is there already stays as it is. Durable in both cases when it returns. Raises
    ``OSError``.
    """
    if path.exists():
        sync_directory(path.parent)
        return False
    make_directory(path.parent)
    created = False
    with _synced_copy(path.parent, content, modified_at) as temporary, suppress(FileExistsError):
        # A link refuses a name that is taken; a rename would replace what is there.
        path.hardlink_to(temporary)
        created = True
    # Also when it was there: the process that created it may not have come this far yet.
    sync_directory(path.parent)
    return created


def replace_file(path: Path, content: bytes, *, modified_at: datetime | None = None) -> bool:
    """Write ``content`` in place of what is at ``path``; ``False`` if nothing is.

    A reader gets the one or the other. Durable when it returns. Raises ``OSError``.
    """
    if not path.exists():
        return False
    with _synced_copy(path.parent, content, modified_at) as temporary:
        temporary.replace(path)
    sync_directory(path.parent)
    return True


def remove_file(path: Path) -> bool:
    """Remove what is at ``path``, durably; ``False`` if nothing is. Raises ``OSError``."""
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    sync_directory(path.parent)
    return True


@contextmanager
def file_errors(problem: str) -> Iterator[None]:
    """Turn an ``OSError`` into a ``StorageUnavailableError`` that says ``problem`` and why."""
    try:
        yield
    except OSError as error:
        raise file_error(problem, error) from error


def file_error(problem: str, error: OSError) -> StorageUnavailableError:
    """What says ``problem`` and why, and whether only an operator can help."""
    text = f"{problem}: {error.strerror or type(error).__name__}"
    return StorageUnavailableError(text, needs_operator=error.errno in _UNFIT_PLACE)


def lock_file(descriptor: int, kind: int, *, seconds: float = 0.0) -> bool:
    """Take a lock (``fcntl.LOCK_EX``, ``LOCK_SH``); ``False`` if it is not free in time.

    It ends with ``descriptor``, and so with the process that holds it.
    """
    ends_at = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends_at:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


@contextmanager
def _synced_copy(directory: Path, content: bytes, modified_at: datetime | None) -> Iterator[Path]:
    """A temporary file with ``content`` in ``directory``, to be given its name."""
    temporary = directory / f".{uuid.uuid4()}.tmp"
    try:
        _write_synced(temporary, content)
        if modified_at is not None:
            os.utime(temporary, (modified_at.timestamp(), modified_at.timestamp()))
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def delete_stale_temporary_files(directory: Path, before: datetime) -> int:
    """Remove what no process has written to since ``before``, in and below ``directory``.

    Its writer was killed. Returns how many files there were. Raises ``OSError``.
    """
    found = [path for suffix in _UNFINISHED for path in directory.rglob(f".*{suffix}")]
    deleted = 0
    for path in found:
        with suppress(FileNotFoundError):  # finished meanwhile
            deleted += path.stat().st_mtime < before.timestamp() and remove_file(path)
    return deleted
