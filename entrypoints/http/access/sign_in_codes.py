"""One-time codes: a command on this machine lets a browser sign in without a token."""

import hashlib
import re
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from infrastructure.durable_files import create_file, file_errors, remove_file

LIFETIME = timedelta(minutes=10)
DIRECTORY = "sign-in-codes"
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")


class SignInCodes:
    """The codes of a data directory: a file for each, which is removed when it is used.

    Of several workers that are given one code, one removes the file. Its name is a hash.
    """

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / DIRECTORY

    def make(self, now: datetime) -> str:
        """A new code. Raises ``StorageUnavailableError``."""
        code = secrets.token_urlsafe(32)
        with file_errors(f"no sign-in code can be kept in {self._directory}"):
            self._remove_old(now)
            create_file(self._path(code), b"", modified_at=now)
        return code

    def use(self, code: str, now: datetime) -> bool:
        """Whether ``code`` is valid. It is not any more after this."""
        if not _CODE.fullmatch(code):
            return False
        path = self._path(code)
        with file_errors(f"the sign-in codes in {self._directory} cannot be used"):
            try:
                made_at = path.stat().st_mtime
            except FileNotFoundError:
                return False
            return remove_file(path) and _is_valid(made_at, now)

    def _path(self, code: str) -> Path:
        return self._directory / hashlib.sha256(code.encode()).hexdigest()

    def _remove_old(self, now: datetime) -> None:
        for path in self._directory.glob("*"):
            with suppress(FileNotFoundError):
                if not _is_valid(path.stat().st_mtime, now):
                    remove_file(path)


def _is_valid(made_at: float, now: datetime) -> bool:
    """Not if it is of the future, for then the clock went back. Files know no microseconds."""
    return -1 < now.timestamp() - made_at < LIFETIME.total_seconds()
