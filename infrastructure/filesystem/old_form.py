"""Whether spool entries or dead letters of an unreleased version lie in a directory."""

import os
import re
from itertools import islice
from pathlib import Path

MOST = 100
"""As many files as a start has time to look into."""

_HEAD_BYTES = 64
# It named no version. Its documents began with the id of what they held.
_OLD_HEAD = re.compile(rb'\{\s*"\w+_id"')


def holds_old_form(directory: Path) -> bool:
    """Looks at the first bytes of ``MOST`` files. What cannot be read is not told here."""
    try:
        with os.scandir(directory) as found:
            paths = (item.path for item in found if item.name.endswith(".json"))
            return any(_OLD_HEAD.match(_head(path)) for path in islice(paths, MOST))
    except OSError:
        return False


def _head(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
