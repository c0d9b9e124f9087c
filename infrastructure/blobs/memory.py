"""Blobs and dead letters in memory: forgets everything, keeps every other promise."""

from threading import Lock

from application.ports.files import BlobStore, DeadLetter, DeadLetters
from infrastructure.blobs.keys import checked_key

_SCHEME = "memory:"


class MemoryBlobStore(BlobStore):
    """Content in a dictionary by key."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, key: str, content: bytes) -> str:
        """See ``BlobStore``."""
        self._contents.setdefault(checked_key(key), content)
        return f"{_SCHEME}{key}"

    def get(self, reference: str) -> bytes:
        """See ``BlobStore``."""
        if not reference.startswith(_SCHEME):
            raise KeyError(reference)
        return self._contents[reference.removeprefix(_SCHEME)]


class MemoryDeadLetters(DeadLetters):
    """Dead letters in a dictionary by id: of several with one id the first stays."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._letters: dict[str, DeadLetter] = {}

    def keep(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``."""
        with self._lock:
            self._letters.setdefault(checked_key(letter.letter_id), letter)

    def list_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """See ``DeadLetters``."""
        with self._lock:
            letters = list(self._letters.values())
        return tuple(sorted(letters, key=lambda letter: letter.created_at)[:limit])
