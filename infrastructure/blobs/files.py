"""Blobs as files: the embedded blob store."""

from pathlib import Path

from application.ports.files import BlobStore
from domain.errors import StorageUnavailableError
from infrastructure.blobs.keys import checked_key, is_key
from infrastructure.durable_files import create_file


class FileBlobStore(BlobStore):
    """Each blob is a file under ``directory``; its reference is the ``file:`` URI of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._base = f"{self._directory.as_uri()}/"

    def put(self, key: str, content: bytes) -> str:
        """See ``BlobStore``."""
        path = self._directory / checked_key(key)
        try:
            create_file(path, content)
        except OSError as error:
            raise StorageUnavailableError("the blob could not be written") from error
        return f"{self._base}{key}"

    def get(self, reference: str) -> bytes:
        """See ``BlobStore``. A reference to anything outside the directory is a ``KeyError``."""
        key = reference.removeprefix(self._base)
        if key == reference or not is_key(key):
            raise KeyError(reference)
        try:
            return (self._directory / key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise KeyError(reference) from error
        except OSError as error:
            raise StorageUnavailableError("the blob could not be read") from error
