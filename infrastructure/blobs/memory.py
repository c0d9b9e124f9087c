"""Blobs and dead letters in this process: for tests and ``serve --ephemeral``."""

import threading
from typing import Final

from application.ports.files import BlobStore, DeadLetter, DeadLetters

_PREFIX = "memory:"


class MemoryBlobStore(BlobStore):
    """Content by key; the first content under a key stays."""

    def __init__(self) -> None:
        self._contents: Final[dict[str, bytes]] = {}

    def put(self, key: str, content: bytes) -> str:
        """Keep ``content`` unless the key is taken."""
        self._contents.setdefault(_PREFIX + key, content)
        return _PREFIX + key

    def get(self, reference: str) -> bytes:
        """The content behind a reference."""
        return self._contents[reference]


class MemoryDeadLetters(DeadLetters):
    """Dead letters by id; the first under an id stays."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._letters: Final[dict[str, DeadLetter]] = {}

    def keep(self, letter: DeadLetter) -> None:
        """Keep ``letter`` unless its id is taken."""
        with self._lock:
            self._letters.setdefault(letter.letter_id, letter)

    def list_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """Oldest first."""
        with self._lock:
            letters = sorted(self._letters.values(), key=lambda letter: letter.created_at)
            return tuple(letters[:limit])
