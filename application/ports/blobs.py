"""Blobs: content that is too large for a store or a queue."""

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from application.ports.byte_stream import ByteStream


class BlobStore(Protocol):
    """Immutable content under generated keys."""

    @abstractmethod
    def put(self, key: str, content: bytes) -> str:
        """Store ``content`` durably and return the reference by which consumers find it.

        A key has letters, digits, ``/``, ``-`` and ``_``: anything else is a ``ValueError``.
        Content that is already there under ``key`` stays. Raises ``StorageUnavailableError``.
        """

    @abstractmethod
    def get(self, reference: str) -> bytes:
        """The content behind a reference; ``KeyError`` if there is none."""

    @abstractmethod
    def open(self, reference: str) -> "ByteStream":
        """The content behind a reference, in chunks; ``KeyError`` if there is none.

        Its size is known. A chunk raises ``StorageUnavailableError`` if it cannot be read.
        """

    @abstractmethod
    def delete(self, folder: str) -> int:
        """Remove every blob whose key begins with ``folder`` and ``/``; how many there were.

        ``folder`` is made as keys are: anything else is a ``ValueError``.
        """

    @abstractmethod
    def delete_older(self, folder: str, moment: datetime) -> Iterator[int]:
        """Remove the blobs of ``folder`` that were written before ``moment``.

        Yields how many after each part of the work: a caller that stops asking stops it.
        """
