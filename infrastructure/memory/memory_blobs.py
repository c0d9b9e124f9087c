"""Blobs and dead letters in memory: forgets everything, keeps every other promise."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from threading import Lock

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetter, DeadLetters, ignore
from infrastructure.serialization.blob_keys import checked_key

_SCHEME = "memory:"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class MemoryBlobStore(BlobStore):
    """Content in a dictionary by key."""

    def __init__(self) -> None:
        self._contents: dict[str, tuple[datetime, bytes]] = {}

    def put(self, key: str, content: bytes) -> str:
        """See ``BlobStore``."""
        self._contents.setdefault(checked_key(key), (datetime.now(UTC), content))
        return f"{_SCHEME}{key}"

    def get(self, reference: str) -> bytes:
        """See ``BlobStore``."""
        if not reference.startswith(_SCHEME):
            raise KeyError(reference)
        return self._contents[reference.removeprefix(_SCHEME)][1]

    def delete(self, folder: str) -> int:
        """See ``BlobStore``."""
        return sum(self.delete_older(folder, _END_OF_TIME))

    def delete_older(self, folder: str, moment: datetime) -> Iterator[int]:
        """See ``BlobStore``."""
        prefix = f"{checked_key(folder)}/"
        keys = [
            key
            for key, (written_at, _) in list(self._contents.items())
            if key.startswith(prefix) and written_at < moment
        ]
        for key in keys:
            yield int(self._contents.pop(key, None) is not None)


class MemoryDeadLetters(DeadLetters):
    """Dead letters in a dictionary by id: of several with one id the first stays."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._dead_letters: dict[str, DeadLetter] = {}

    def keep(self, dead_letter: DeadLetter) -> None:
        """See ``DeadLetters``."""
        with self._lock:
            self._dead_letters.setdefault(checked_key(dead_letter.dead_letter_id), dead_letter)

    def replace(self, dead_letter: DeadLetter) -> bool:
        """See ``DeadLetters``."""
        dead_letter_id = checked_key(dead_letter.dead_letter_id)
        with self._lock:
            if dead_letter_id not in self._dead_letters:
                return False
            self._dead_letters[dead_letter_id] = dead_letter
            return True

    def get(self, dead_letter_id: str) -> DeadLetter | None:
        """See ``DeadLetters``."""
        return self._dead_letters.get(dead_letter_id)

    def delete(self, dead_letter_id: str) -> bool:
        """See ``DeadLetters``."""
        with self._lock:
            return self._dead_letters.pop(dead_letter_id, None) is not None

    def list_dead_letters(
        self,
        limit: int,
        *,
        after: DeadLetter | None = None,
        unreadable: Callable[[str], None] = ignore,
    ) -> tuple[DeadLetter, ...]:
        """See ``DeadLetters``."""
        dead_letters = self.each_dead_letter(unreadable=unreadable)
        later = (
            dead_letter
            for dead_letter in dead_letters
            if after is None or _place(dead_letter) > _place(after)
        )
        return tuple(islice(later, limit))

    def each_dead_letter(
        self,
        *,
        unreadable: Callable[[str], None] = ignore,  # noqa: ARG002 - every letter is one here
    ) -> Iterator[DeadLetter]:
        """See ``DeadLetters``."""
        with self._lock:
            places = sorted(map(_place, self._dead_letters.values()))
        dead_letters = (self.get(dead_letter_id) for _, dead_letter_id in places)
        return (dead_letter for dead_letter in dead_letters if dead_letter is not None)

    def delete_older(self, moment: datetime) -> Iterator[int]:
        """See ``DeadLetters``."""
        for dead_letter in list(self._dead_letters.values()):
            if dead_letter.created_at < moment:
                yield int(self.delete(dead_letter.dead_letter_id))


def _place(dead_letter: DeadLetter) -> tuple[datetime, str]:
    return dead_letter.created_at, dead_letter.dead_letter_id
