"""Blobs and dead letters in memory: forgets everything, keeps every other promise."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetter, DeadLetters, ignore
from infrastructure.serialization.blob_keys import checked_key, key_of

if TYPE_CHECKING:
    from application.ports.byte_stream import ByteStream

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
    def open(self, reference: str) -> "ByteStream":
        from application.ports.byte_stream import ByteStream

        return ByteStream.of(self.get(reference))

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
    """Dead letters in a dictionary by id: of several with one id the first stays.

    Each step is one operation of the dictionary, so threads need no lock.
    """

    def __init__(self) -> None:
        self._dead_letters: dict[str, DeadLetter] = {}

    @override
    def store(self, dead_letter: DeadLetter) -> None:
        self._dead_letters.setdefault(checked_key(dead_letter.dead_letter_id), dead_letter)

    @override
    def replace(self, dead_letter: DeadLetter) -> bool:
        is_there = checked_key(dead_letter.dead_letter_id) in self._dead_letters
        if is_there:
            self._dead_letters[dead_letter.dead_letter_id] = dead_letter
        return is_there

    @override
    def get(self, dead_letter_id: str) -> DeadLetter | None:
        return self._dead_letters.get(dead_letter_id)

    @override
    def delete(self, dead_letter_id: str) -> bool:
        return self._dead_letters.pop(dead_letter_id, None) is not None

    @override
    def each_dead_letter(
        self,
        *,
        after: tuple[datetime, str] | None = None,
        newest_first: bool = False,
        unreadable: Callable[[str], None] = ignore,
    ) -> Iterator[DeadLetter]:
        stored = ((one.created_at, key) for key, one in list(self._dead_letters.items()))
        later = (place for place in stored if after is None or place > after)
        places = sorted(later, reverse=newest_first)
        return filter(None, (self.get(dead_letter_id) for _, dead_letter_id in places))

    @override
    def count(self, most: int) -> int:
        return min(len(self._dead_letters), most)

    @override
    def delete_older(self, moment: datetime) -> Iterator[int]:
        for key, dead_letter in list(self._dead_letters.items()):
            if dead_letter.created_at < moment:
                yield int(self.delete(key))
