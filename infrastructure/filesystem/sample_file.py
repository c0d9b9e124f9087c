"""Samples of the last day in a file of fixed size, which the workers of a server share.

The slot of a sample follows from its time. So a restart needs to find no place to go on, and
while no server runs, slots keep what is too old to be read.
"""

import logging
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from typing_extensions import override

from application.clock import Clock
from application.ports.sample_history import Sample, SampleHistory
from infrastructure.filesystem.slot_file import SlotFile
from infrastructure.sample_ring import (
    EPOCH,
    SLOTS,
    SampleRing,
    interval_of,
    place_of,
    sorted_samples,
    takes_place_of,
)

logger = logging.getLogger(__name__)

SLOT_BYTES = 1024

_HEAD = struct.Struct("<Iqq")
"""What the numbers are, as a checksum of their names; time and start in microseconds."""

_NUMBER_BYTES = 8
_MICROSECOND = timedelta(microseconds=1)


class FileSampleHistory(SampleHistory):
    """The file at ``path``, made with the first sample. What cannot be written is in memory.

    ``names`` say what the numbers of a sample are. Samples of a version with other names are
    not read.
    """

    def __init__(self, path: Path, names: Sequence[str], clock: Clock) -> None:
        self._path = path
        self._file = SlotFile(path, SLOTS, SLOT_BYTES)
        self._names = zlib.crc32("\n".join(names).encode())
        self._length = len(names)
        self._clock = clock
        self._lock = Lock()
        self._in_memory = SampleRing()
        self._is_writable = True
        if _HEAD.size + self._length * _NUMBER_BYTES > self._file.content_bytes:
            raise ValueError("a slot has no room for so many numbers")

    @override
    def keep(self, sample: Sample) -> None:
        try:
            self._write(sample)
        except Exception as error:
            if self._is_writable:
                extra = {"error": type(error).__name__}
                logger.warning("samples cannot be written, they stay in memory", extra=extra)
            self._is_writable = False
            with self._lock:
                self._in_memory.keep(sample)
        else:
            self._is_writable = True

    @override
    def since(self, moment: datetime) -> tuple[Sample, ...]:
        now = self._clock()
        try:
            found = [*self._read(moment, now)]
        except (OSError, OverflowError):
            found = []
        with self._lock:
            return sorted_samples([*found, *self._in_memory], moment, now)

    @override
    def notice(self) -> str | None:
        if self._is_writable:
            return None
        return f"{self._path} cannot be written, so they are in the memory of this process"

    def _write(self, sample: Sample) -> None:
        place = place_of(sample.at)
        with self._file.locked() as slots:
            (before,) = slots.read(place, 1)
            if takes_place_of(sample, self._from_bytes(before)):
                slots.write(place, self._to_bytes(sample))

    def _read(self, moment: datetime, now: datetime) -> Iterator[Sample]:
        """The samples of the slots from ``moment`` to ``now``. Raises ``OSError``."""
        last = interval_of(now)
        number = min(max(last - interval_of(moment) + 1, 0), SLOTS)
        first = (last - number + 1) % SLOTS
        contents = self._file.read(first, min(number, SLOTS - first))
        contents += self._file.read(0, max(first + number - SLOTS, 0))
        return filter(None, map(self._from_bytes, contents))

    def _to_bytes(self, sample: Sample) -> bytes:
        times = ((at - EPOCH) // _MICROSECOND for at in (sample.at, sample.started_at))
        return _HEAD.pack(self._names, *times) + array("d", sample.numbers).tobytes()

    def _from_bytes(self, content: bytes | None) -> Sample | None:
        if content is None:
            return None
        names, *times = _HEAD.unpack_from(content)
        if names != self._names:
            return None
        numbers = array("d", content[_HEAD.size : _HEAD.size + self._length * _NUMBER_BYTES])
        at, started_at = (EPOCH + time * _MICROSECOND for time in times)
        return Sample(at, started_at, numbers)
