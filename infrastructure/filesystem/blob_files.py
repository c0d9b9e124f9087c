"""Blobs as files: the embedded blob store."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from typing_extensions import override

from application.ports.blobs import BlobStore
from infrastructure.durable_files import create_file, file_errors, remove_file, sync_directory
from infrastructure.serialization.blob_keys import checked_key, is_key, key_of


class FileBlobStore(BlobStore):
    """Each blob is a file under ``directory``; its reference is the ``file:`` URI of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._base = f"{self._directory.as_uri()}/"

    @override
    def put(self, key: str, content: bytes) -> str:
        path = self._directory / checked_key(key)
        with file_errors("the blob could not be written"):
            create_file(path, content)
        return f"{self._base}{key}"

    @override
    def get(self, reference: str) -> bytes:
        """A reference to anything outside the directory is a ``KeyError``."""
        key = key_of(reference, self._base)
        with file_errors("the blob could not be read"):
            try:
                return (self._directory / key).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise KeyError(reference) from error

    @override
    def delete(self, folder: str) -> int:
        return self._remove_older(self._directory / checked_key(folder), float("inf"))

    @override
    def delete_older(self, folder: str, moment: datetime) -> Iterator[int]:
        with file_errors("the blobs could not be listed"):
            parts = list((self._directory / checked_key(folder)).glob("*"))
        for part in parts:
            yield self._remove_older(part, moment.timestamp())

    def _remove_older(self, place: Path, before: float) -> int:
        """Remove the blobs at or below ``place``, and the directories that are empty then.

        What is being written has a name that is no key.
        """
        with file_errors("a blob could not be deleted"):
            found = [place] if place.is_file() else list(place.rglob("*"))
            blobs = [path for path in found if is_key(path.name) and path.is_file()]
            return sum(self._remove(path) for path in blobs if path.stat().st_mtime < before)

    def _remove(self, path: Path) -> bool:
        removed = remove_file(path)
        for directory in path.parents:
            if directory == self._directory or any(directory.iterdir()):
                break
            directory.rmdir()
            sync_directory(directory.parent)
        return removed
