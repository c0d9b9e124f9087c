"""Numbers that several processes count side by side, in memory that they share.

Each process writes a region of its own and reads those of all. A process that is killed leaves
its region as it is, and the next one with its number goes on counting there. There is no file
that could fill a disk, or be left over.
"""

import mmap
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from typing import Final

REGION_BYTES = 64 * 1024
"""What one process counts in: some four times as much as all series need."""

_SPARE_BYTES = 1024
"""At the end of each region: for what finds no room, and so is not counted."""

_NUMBER_BYTES = 8
_HEAD = struct.Struct("=II")
"""Of a series: how many bytes its key has, and how many numbers follow."""

_USED = struct.Struct("=Q")
"""At the start of a region: how many of its bytes are in use. It is written last."""


def create_shared_memory(processes: int) -> int:
    """An open file in memory with a region for each process, to be inherited by all of them."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("frontdesk-metrics")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, processes * REGION_BYTES)
    return descriptor


class SharedNumbers:
    """Named series of numbers: ``writer`` says which region of ``memory`` is this process's own.

    Within a process one thread at a time may write. A series that finds no room is not counted.
    """

    def __init__(self, memory: "mmap.mmap | bytearray", writer: int = 0) -> None:
        self._memory: Final = memory
        self._own: Final = writer * REGION_BYTES
        self.numbers: Final = memoryview(memory).cast("B").cast("d")
        """All of the memory as numbers. Each is written by one process alone."""
        self.spare: Final = (self._own + REGION_BYTES - _SPARE_BYTES) // _NUMBER_BYTES
        """Where numbers may be added to that nobody reads."""

    @classmethod
    def of_one_process(cls) -> "SharedNumbers":
        """For a server without workers."""
        return cls(bytearray(REGION_BYTES))

    @classmethod
    def inherited(cls, descriptor: int, writer: int) -> "SharedNumbers":
        """What ``create_shared_memory`` made in the parent."""
        return cls(mmap.mmap(descriptor, 0), writer)

    def place(self, key: str, length: int) -> int:
        """Where the ``length`` numbers of ``key`` begin in ``numbers``; it is made if missing.

        Of a series without room it is ``spare``.
        """
        encoded = key.encode()
        for found, place, _ in self._series_of(self._own):
            if found == encoded:
                return place
        return self._append(encoded, length)

    def _append(self, key: bytes, length: int) -> int:
        start = self._own + self._used(self._own)
        place = start + _HEAD.size + _padded(len(key))
        end = place + length * _NUMBER_BYTES
        if end > self._own + REGION_BYTES - _SPARE_BYTES:
            return self.spare
        _HEAD.pack_into(self._memory, start, len(key), length)
        self._memory[start + _HEAD.size : start + _HEAD.size + len(key)] = key
        # A process that was killed here may have left something of a longer key.
        self._memory[place:end] = bytes(end - place)
        # A process that is killed before this line has added nothing.
        _USED.pack_into(self._memory, self._own, end - self._own)
        return place // _NUMBER_BYTES

    def totals(self) -> dict[str, list[float]]:
        """The numbers of each key, added up over all processes."""
        totals: dict[str, list[float]] = {}
        for region in range(0, len(self._memory), REGION_BYTES):
            for key, place, length in self._series_of(region):
                numbers = self.numbers[place : place + length].tolist()
                before = totals.setdefault(key.decode(), [0.0] * length)
                totals[key.decode()] = [*map(sum, zip(before, numbers, strict=True))]
        return totals

    def _series_of(self, region: int) -> Iterator[tuple[bytes, int, int]]:
        """Key, place and length of each series that a region has."""
        start, end = region + _USED.size, region + self._used(region)
        while start < end:
            key_bytes, length = _HEAD.unpack_from(self._memory, start)
            start += _HEAD.size
            key = bytes(self._memory[start : start + key_bytes])
            start += _padded(key_bytes)
            yield key, start // _NUMBER_BYTES, length
            start += length * _NUMBER_BYTES

    def _used(self, region: int) -> int:
        return _USED.unpack_from(self._memory, region)[0] or _USED.size


def _padded(size_bytes: int) -> int:
    """The next multiple of the size of a number, so that each is written in one piece."""
    return -(-size_bytes // _NUMBER_BYTES) * _NUMBER_BYTES
