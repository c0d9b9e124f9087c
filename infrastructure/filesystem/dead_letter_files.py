"""Dead letters as files: they need neither the store nor the queues."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path

from typing_extensions import override

from application.ports.dead_letters import DeadLetter, DeadLetters, ignore
from domain.errors import BrokenDeadLetterError, StorageUnavailableError
from infrastructure.durable_files import (
    BROKEN_FILE,
    create_file,
    file_errors,
    remove_file,
    replace_file,
)
from infrastructure.serialization.blob_keys import checked_key, is_key
from infrastructure.serialization.webhook_json import (
    dead_letter_from_json,
    dead_letter_to_json,
    readable_dead_letters,
)

_SUFFIX = ".json"


class FileDeadLetters(DeadLetters):
    """One JSON file for each dead letter, named by its id; of several with one id the first stays.

    A file's time of modification is the ``created_at``, so that the oldest are found
    without reading them all: a body may have 32 MiB.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    @override
    def store(self, dead_letter: DeadLetter) -> None:
        path = self._path(checked_key(dead_letter.dead_letter_id))
        with file_errors("a dead letter could not be written"):
            create_file(path, dead_letter_to_json(dead_letter), modified_at=dead_letter.created_at)

    @override
    def replace(self, dead_letter: DeadLetter) -> bool:
        path = self._path(checked_key(dead_letter.dead_letter_id))
        with file_errors("a dead letter could not be written"):
            return replace_file(
                path, dead_letter_to_json(dead_letter), modified_at=dead_letter.created_at
            )

    @override
    def get(self, dead_letter_id: str) -> DeadLetter | None:
        return self._read(dead_letter_id) if is_key(dead_letter_id) else None

    @override
    def delete(self, dead_letter_id: str) -> bool:
        with file_errors("a dead letter could not be deleted"):
            return is_key(dead_letter_id) and remove_file(self._path(dead_letter_id))

    @override
    def each_dead_letter(
        self,
        *,
        after: tuple[datetime, str] | None = None,
        newest_first: bool = False,
        unreadable: Callable[[str], None] = ignore,
    ) -> Iterator[DeadLetter]:
        place = (_microseconds(after[0]), after[1]) if after else (-1, "")
        places = sorted(self._places(), reverse=newest_first)
        names = [name for time, name in places if (time, name) > place]
        return readable_dead_letters(
            names, self._read, lambda name: unreadable(str(self._path(name)))
        )

    @override
    def count(self, most: int) -> int:
        with file_errors("the dead letters could not be counted"):
            if not self._directory.exists():
                return 0
            with os.scandir(self._directory) as found:
                files = (item for item in found if item.name.endswith(_SUFFIX))
                return sum(1 for _ in islice(files, most))

    @override
    def delete_older(self, moment: datetime) -> Iterator[int]:
        """Directories stay: none is a dead letter."""
        for time, name in self._places():
            if time >= _microseconds(moment):
                return
            path = self._path(name)
            with file_errors("a dead letter could not be deleted"):
                removed = path.is_file() and remove_file(path)
            yield int(removed)

    def _read(self, name: str) -> DeadLetter | None:
        path = self._path(name)
        try:
            return dead_letter_from_json(path.read_bytes(), name)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise BrokenDeadLetterError(f"{path} is {error}") from error
        except OSError as error:
            kind = BrokenDeadLetterError if error.errno in BROKEN_FILE else StorageUnavailableError
            raise kind(f"{path} could not be read: {error.strerror}") from error

    def _path(self, dead_letter_id: str) -> Path:
        return self._directory / f"{dead_letter_id}{_SUFFIX}"

    def _places(self) -> list[tuple[int, str]]:
        """The time in microseconds and the id of every dead letter, in order."""
        places = []
        with file_errors("a dead letter could not be read"):
            if not self._directory.exists():
                return []
            with os.scandir(self._directory) as found:
                files = [item for item in found if item.name.endswith(_SUFFIX)]
            for file in files:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    time = round(file.stat().st_mtime_ns / 1000)
                    places.append((time, file.name.removesuffix(_SUFFIX)))
        return sorted(places)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
