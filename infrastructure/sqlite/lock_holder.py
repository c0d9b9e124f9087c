"""Which process holds the write lock of a database, where Linux tells."""

import os
import re
from pathlib import Path

_LOCKS = Path("/proc/locks")
_WRITE_LOCK = 120
"""The byte of the ``-shm`` file: https://www.sqlite.org/walformat.html#the_wal_index_file_format"""


def lock_holder(path: Path) -> str | None:
    """Another process by its name and id, like ``sqlite3 (process 4711)``; ``None`` if unknown.

    It opens no file of the database: closing that would free the locks of this process.
    """
    try:
        file = Path(f"{path}-shm").stat()
        device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
        place = f"{device}:{file.st_ino} {_WRITE_LOCK} {_WRITE_LOCK}"
        lock = re.search(rf"^\d+: POSIX +\w+ +WRITE (\d+) {place}$", _LOCKS.read_text(), re.M)
        if lock is None or int(lock[1]) == os.getpid():
            return None
        name = Path(f"/proc/{lock[1]}/comm").read_text().strip()
    except OSError:
        return None
    return f"{name} (process {lock[1]})"
