"""Blobs as files: the embedded blob store."""

import os
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from typing_extensions import override

from application.ports.blobs import BlobStore
from infrastructure.durable_files import create_file, file_errors, remove_file, sync_directory
from infrastructure.serialization.blob_keys import checked_key, is_key

if TYPE_CHECKING:
    from application.ports.byte_stream import ByteStream

_UNREADABLE = "the blob could not be read"


class FileBlobStore(BlobStore):
    """Each blob is a file below ``directory``; its reference is the ``file:`` URI of it.

    ``attachments/0a1b/c`` is the file ``0a1b.c`` in ``attachments.0a``: few directories hold
    all blobs. One for each message costs two more changes of the disk, one of them synced.
    Blobs that lie in directories as their keys say are found and deleted too.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._base = f"{self._directory.as_uri()}/"

    @override
    def put(self, key: str, content: bytes) -> str:
        place = _place(checked_key(key))
        with file_errors("the blob could not be written"):
            create_file(self._directory / place, content)
        return f"{self._base}{place}"

    @override
    def get(self, reference: str) -> bytes:
        """A reference to anything outside the directory is a ``KeyError``."""
        with self._open(reference) as file, file_errors(_UNREADABLE):
            return file.read()

    @override
    def open(self, reference: str) -> "ByteStream":
        from application.ports.byte_stream import CHUNK_BYTES, ByteStream

        file = self._open(reference)
        return ByteStream(_chunks(file, CHUNK_BYTES), os.fstat(file.fileno()).st_size, file.close)

    def _open(self, reference: str) -> BinaryIO:
        place = reference.removeprefix(self._base)
        if place == reference or not _is_place(place):
            raise KeyError(reference)
        with file_errors(_UNREADABLE):
            try:
                return (self._directory / place).open("rb", buffering=0)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise KeyError(reference) from error

    @override
    def delete(self, folder: str) -> int:
        place = Path(_place(f"{checked_key(folder)}/*"))
        with file_errors("the blobs could not be listed"):
            found = [*self._directory.glob(str(place)), self._directory / folder]
        return sum(self._remove_older(one, float("inf")) for one in found)

    @override
    def delete_older(self, folder: str, moment: datetime) -> Iterator[int]:
        with file_errors("the blobs could not be listed"):
            in_folder = (self._directory / checked_key(folder)).glob("*")
            parts = [*in_folder, *self._directory.glob(f"{folder}.*")]
        for part in parts:
            yield self._remove_older(part, moment.timestamp())

    def _remove_older(self, place: Path, before: float) -> int:
        """Remove the blobs at or below ``place``, and the directories that they leave empty.

        What is being written has a name that is no place.
        """
        with file_errors("a blob could not be deleted"):
            found = [place] if place.is_file() else list(place.rglob("*"))
            blobs = [path for path in found if _is_place(path.name) and path.is_file()]
            return sum(self._remove(path) for path in blobs if path.stat().st_mtime < before)

    def _remove(self, path: Path) -> bool:
        removed = remove_file(path)
        for directory in path.parents:
            # What is shared by folders stays: a blob of another may be on its way there.
            is_shared = directory == self._directory or "." in directory.name
            if is_shared or any(directory.iterdir()):
                break
            directory.rmdir()
            sync_directory(directory.parent)
        return removed


def _chunks(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    with file_errors(_UNREADABLE):
        yield from iter(partial(file.read, size_bytes), b"")


def _place(key: str) -> str:
    """Where the blob is: all of one folder are in one directory."""
    top, _, rest = key.partition("/")
    return f"{top}.{rest[:2].strip('/')}/{rest.replace('/', '.')}" if rest else top


def _is_place(text: str) -> bool:
    """Whether it can be a place of a blob, or the end of one: no part of a key is empty."""
    return is_key(text.replace(".", "/"))
