"""Dead letters as files: they need neither the store nor the queues."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from application.ports.files import DeadLetter, DeadLetters
from domain.errors import StorageUnavailableError
from infrastructure.blobs.dead_letter_json import letter_from_json, letter_to_json
from infrastructure.blobs.keys import checked_key, is_key
from infrastructure.durable_files import create_file, remove_file, replace_file

_SUFFIX = ".json"


class FileDeadLetters(DeadLetters):
    """One JSON file for each letter, named by its id; of several with one id the first stays.

    A file's time of modification is the letter's ``created_at``, so that the oldest are found
    without reading them all: a body may have 32 MiB.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    def keep(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``."""
        path = self._path(checked_key(letter.letter_id))
        with _errors("written"):
            create_file(path, letter_to_json(letter), modified_at=letter.created_at)

    def replace(self, letter: DeadLetter) -> bool:
        """See ``DeadLetters``."""
        path = self._path(checked_key(letter.letter_id))
        with _errors("written"):
            return replace_file(path, letter_to_json(letter), modified_at=letter.created_at)

    def get(self, letter_id: str) -> DeadLetter | None:
        """See ``DeadLetters``."""
        return _read(self._path(letter_id)) if is_key(letter_id) else None

    def delete(self, letter_id: str) -> bool:
        """See ``DeadLetters``."""
        with _errors("deleted"):
            return is_key(letter_id) and remove_file(self._path(letter_id))

    def list_letters(
        self, limit: int, *, after: DeadLetter | None = None
    ) -> tuple[DeadLetter, ...]:
        """See ``DeadLetters``. A letter that is deleted meanwhile is left out."""
        start = None if after is None else (_microseconds(after.created_at), after.letter_id)
        places = (place for place in self._places() if start is None or place > start)
        letters = (_read(self._path(letter_id)) for _, letter_id in places)
        return tuple(islice((letter for letter in letters if letter is not None), limit))

    def _path(self, letter_id: str) -> Path:
        return self._directory / f"{letter_id}{_SUFFIX}"

    def _places(self) -> list[tuple[int, str]]:
        """The time and id of every letter, in order."""
        with _errors("read"):
            if not self._directory.exists():
                return []
            with os.scandir(self._directory) as found:
                files = [item for item in found if item.name.endswith(_SUFFIX)]
            return sorted(filter(None, map(_place, files)))


def _place(file: "os.DirEntry[str]") -> tuple[int, str] | None:
    try:
        modified_at = file.stat().st_mtime_ns
    except FileNotFoundError:  # deleted meanwhile
        return None
    return round(modified_at / 1000), file.name.removesuffix(_SUFFIX)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _read(path: Path) -> DeadLetter | None:
    try:
        with _errors("read"):
            content = _content(path)
        return None if content is None else letter_from_json(content)
    except ValueError as error:
        raise StorageUnavailableError(f"{path.name} is not a dead letter") from error


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def _errors(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageUnavailableError(f"a dead letter could not be {done}: {reason}") from error
