"""Blobs and dead letters in memory: forgets everything, keeps every other promise."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock

from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetter, DeadLetters, ignore
from infrastructure.serialization.blob_keys import checked_key, key_of

_SCHEME = "memory:"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class MemoryBlobStore(BlobStore):
    """Content in a dictionary by key."""

    def __init__(self) -> None:
        self._contents: dict[str, tuple[datetime, bytes]] = {}

    @override
    def put(self, key: str, content: bytes) -> str:
        self._contents.setdefault(checked_key(key), (datetime.now(UTC), content))
        return f"{_SCHEME}{key}"

    @override
    def get(self, reference: str) -> bytes:
        return self._contents[key_of(reference, _SCHEME)][1]

    @override
    def delete(self, folder: str) -> int:
        return sum(self.delete_older(folder, _END_OF_TIME))

    @override
    def delete_older(self, folder: str, moment: datetime) -> Iterator[int]:
        prefix = f"{checked_key(folder)}/"
        for key, (written_at, _) in list(self._contents.items()):
            if key.startswith(prefix) and written_at < moment:
                yield int(self._contents.pop(key, None) is not None)


class MemoryDeadLetters(DeadLetters):
    """Dead letters in a dictionary by id: of several with one id the first stays."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._dead_letters: dict[str, DeadLetter] = {}

    @override
    def store(self, dead_letter: DeadLetter) -> None:
        with self._lock:
            self._dead_letters.setdefault(checked_key(dead_letter.dead_letter_id), dead_letter)

    @override
    def replace(self, dead_letter: DeadLetter) -> bool:
        dead_letter_id = checked_key(dead_letter.dead_letter_id)
        with self._lock:
            if dead_letter_id not in self._dead_letters:
                return False
            self._dead_letters[dead_letter_id] = dead_letter
            return True

    @override
    def get(self, dead_letter_id: str) -> DeadLetter | None:
        return self._dead_letters.get(dead_letter_id)

    @override
    def delete(self, dead_letter_id: str) -> bool:
        with self._lock:
            return self._dead_letters.pop(dead_letter_id, None) is not None

    @override
    def each_dead_letter(
        self, *, unreadable: Callable[[str], None] = ignore
    ) -> Iterator[DeadLetter]:
        with self._lock:
            places = sorted((one.created_at, key) for key, one in self._dead_letters.items())
        return filter(None, (self.get(dead_letter_id) for _, dead_letter_id in places))

    @override
    def delete_older(self, moment: datetime) -> Iterator[int]:
        for dead_letter in list(self._dead_letters.values()):
            if dead_letter.created_at < moment:
                yield int(self.delete(dead_letter.dead_letter_id))
