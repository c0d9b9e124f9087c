"""Files that are whole or absent, and still there after a power failure."""

import os
import uuid
from datetime import datetime
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


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
    temporary = path.parent / f".{uuid.uuid4()}.tmp"
    try:
        _write_synced(temporary, content)
        if modified_at is not None:
            os.utime(temporary, (modified_at.timestamp(), modified_at.timestamp()))
        # A link refuses a name that is taken; a rename would replace what is there.
        path.hardlink_to(temporary)
    except FileExistsError:
        created = False
    else:
        created = True
    finally:
        temporary.unlink(missing_ok=True)
    # Also when it was there: whoever created it may not have come this far yet.
    sync_directory(path.parent)
    return created


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
