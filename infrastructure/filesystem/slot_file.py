"""A file of a fixed number of slots, which several processes share.

A slot is written whole, and has a checksum. A process that is killed while it writes leaves one
slot that cannot be read: it counts as empty and is used again. Nothing is synced to the disk.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infrastructure.durable_files import PRIVATE_DIRECTORY, PRIVATE_FILE, lock_file

LOCK_SECONDS = 1.0
"""How long a thread waits for other processes. One that was stopped would hold it up for ever."""

_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class SlotFile:
    """The file at ``path`` with so many ``slots`` of ``slot_bytes`` each."""

    path: Path
    slots: int
    slot_bytes: int

    @property
    def content_bytes(self) -> int:
        """How much a slot holds beside its checksum."""
        return self.slot_bytes - _CHECKSUM.size

    @property
    def file_bytes(self) -> int:
        """The size of the whole file."""
        return self.slots * self.slot_bytes

    def read(self, first: int = 0, number: int | None = None) -> list[bytes | None]:
        """The contents of ``number`` slots from ``first`` on, without number of all.

        ``None`` stands for an empty slot, and for one that was not written to its end. Nothing
        if there is no file. Raises ``OSError``.
        """
        try:
            with self.path.open("rb") as file:
                # Without the lock a slot that is being written would be missing.
                lock_file(file.fileno(), fcntl.LOCK_SH, seconds=LOCK_SECONDS)
                return _read(self, file.fileno(), first, self.slots if number is None else number)
        except FileNotFoundError:
            return []

    @contextmanager
    def locked(self) -> Iterator["OpenSlots"]:
        """The file, which is made if it is not there, for this process alone. Raises ``OSError``.

        It is opened anew each time: an operator may have removed it.
        """
        self.path.parent.mkdir(PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, PRIVATE_FILE)
        try:
            if not lock_file(descriptor, fcntl.LOCK_EX, seconds=LOCK_SECONDS):
                raise TimeoutError
            if os.fstat(descriptor).st_size != self.file_bytes:
                os.ftruncate(descriptor, self.file_bytes)
            yield OpenSlots(self, descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class OpenSlots:
    """The slots while this process alone has them."""

    file: SlotFile
    descriptor: int

    def read(self, first: int = 0, number: int | None = None) -> list[bytes | None]:
        """See ``SlotFile.read``."""
        wanted = self.file.slots if number is None else number
        return _read(self.file, self.descriptor, first, wanted)

    def write(self, place: int, content: bytes) -> None:
        """Set what is in slot ``place``. Raises ``OSError``."""
        content = content.ljust(self.file.content_bytes, b"\0")
        slot = _CHECKSUM.pack(zlib.crc32(content)) + content
        size = self.file.slot_bytes
        if os.pwrite(self.descriptor, slot, place * size) != size:
            raise OSError("the slot was written in part")


def _read(file: SlotFile, descriptor: int, first: int, number: int) -> list[bytes | None]:
    size = file.slot_bytes
    text = os.pread(descriptor, number * size, first * size)
    return [_content(text[at : at + size]) for at in range(0, len(text) - size + 1, size)]


def _content(slot: bytes) -> bytes | None:
    (checksum,) = _CHECKSUM.unpack_from(slot)
    content = slot[_CHECKSUM.size :]
    # The checksum of an empty slot is not 0, so it never fits.
    return content if zlib.crc32(content) == checksum else None
