"""Cursors for callers who must not know where a page ended.

A cursor names the last item that was looked at. For a caller that may see some companies alone,
that may be another company's.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import InvalidCursorError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


@dataclass(frozen=True, slots=True)
class Cursors:
    """Encrypts cursors with what ``key`` gives; with ``None`` they stay as they are."""

    key: Callable[[], bytes] | None

    def sealed(self, cursor: str | None) -> str | None:
        """What the caller gets instead of ``cursor``."""
        if cursor is None or self.key is None:
            return cursor
        return _cipher(self.key()).encrypt(cursor.encode()).decode()

    def opened(self, sealed: str | None) -> str | None:
        """The cursor that was sealed. Raises ``InvalidCursorError``."""
        if sealed is None or self.key is None:
            return sealed
        from cryptography.fernet import InvalidToken

        try:
            return _cipher(self.key()).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise InvalidCursorError("this cursor is not one of this list") from error


def _cipher(key: bytes) -> "Fernet":
    from cryptography.fernet import Fernet

    return Fernet(urlsafe_b64encode(hmac.digest(key, b"cursors", hashlib.sha256)))
