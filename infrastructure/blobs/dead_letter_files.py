"""Dead letters as files: they need neither the store nor the queues."""

from pathlib import Path

from application.ports.files import DeadLetter, DeadLetters
from domain.errors import StorageUnavailableError
from infrastructure.blobs.dead_letter_json import letter_from_json, letter_to_json
from infrastructure.blobs.keys import checked_key
from infrastructure.durable_files import create_file

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
        path = self._directory / f"{checked_key(letter.letter_id)}{_SUFFIX}"
        try:
            create_file(path, letter_to_json(letter), modified_at=letter.created_at)
        except OSError as error:
            raise StorageUnavailableError("the dead letter could not be written") from error

    def list_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """See ``DeadLetters``."""
        try:
            by_age = sorted((_modified_at(p), p) for p in self._directory.glob(f"*{_SUFFIX}"))
            return tuple(_read(path) for _, path in by_age[:limit])
        except OSError as error:
            raise StorageUnavailableError("the dead letters could not be read") from error


def _read(path: Path) -> DeadLetter:
    try:
        return letter_from_json(path.read_bytes())
    except ValueError as error:
        raise StorageUnavailableError(f"{path.name} is not a dead letter") from error


def _modified_at(path: Path) -> int:
    return path.stat().st_mtime_ns
