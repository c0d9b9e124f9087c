"""Refusals in a file of fixed size, which the workers of a server and the commands share.

A slot is written whole, and has a checksum. A process that is killed while it writes leaves one
slot that cannot be read: it counts as empty and is used again. Nothing is synced to the disk.
"""

import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from typing_extensions import override

from application.clock import Clock
from application.ports.refusals import Refusal, Refusals
from domain.channels import ChannelType
from infrastructure.durable_files import PRIVATE_DIRECTORY, PRIVATE_FILE, lock_file
from infrastructure.refusal_slots import (
    SLOTS,
    RefusalKey,
    RefusalSlots,
    key_of,
    sorted_refusals,
)

logger = logging.getLogger(__name__)

SLOT_BYTES = 1024
FILE_BYTES = SLOTS * SLOT_BYTES

LOCK_SECONDS = 0.02
"""How long a refusal waits for other processes. A stopped one must not hold up the webhooks."""

_CHECKSUM = struct.Struct("<I")
_HEAD = struct.Struct("<HQqq")
"""How long the text is, the count, and the first and last time in microseconds."""

_TEXT_AT = _CHECKSUM.size + _HEAD.size
_MAX_TEXT_BYTES = SLOT_BYTES - _TEXT_AT
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FileRefusals(Refusals):
    """The file at ``path``, made with the first refusal. ``in_memory`` has what cannot be written.

    ``elsewhere`` says which refusals are never in the file, if there are any.
    """

    def __init__(
        self, path: Path, clock: Clock, in_memory: Refusals, elsewhere: str | None = None
    ) -> None:
        self._path = path
        self._clock = clock
        self._in_memory = in_memory
        self._elsewhere = elsewhere
        self._lock = Lock()
        self._slots = RefusalSlots()
        self._descriptor: int | None = None
        self._has_warned = False

    @override
    def add(self, channel: ChannelType, account: str, reason: str, tried_urls: str) -> None:
        key = _fitting(RefusalKey.of(channel, account, reason, tried_urls))
        try:
            with self._locked() as descriptor:
                self._count(descriptor, key)
        except Exception as error:
            # Whatever it is, the refused webhook gets its answer.
            self._warn_once(error)
            self._in_memory.add(*key)

    @override
    def latest(self) -> tuple[Refusal, ...]:
        try:
            found = _entries(self._read())
        except OSError:
            found = []
        return sorted_refusals([*filter(None, found), *self._in_memory.latest()])

    @override
    def notice(self) -> str | None:
        reasons = filter(None, (self._unseen(), self._elsewhere))
        return "; ".join(reasons) or None

    def _warn_once(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            extra = {"error": type(error).__name__}
            logger.warning("refusals cannot be written, they stay in memory", extra=extra)

    def _unseen(self) -> str | None:
        try:
            if self._read():
                return None
            place = self._path.absolute().parent
            while not place.exists():
                place = place.parent
        except OSError as error:
            return f"{self._path} cannot be read: {error.strerror}"
        if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
            return None
        return (
            f"{place} cannot be written to by this user: a server that cannot either has its "
            "refusals in its memory, where no command sees them, and in its log"
        )

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                # Without the lock a slot that is being written would be missing.
                lock_file(file.fileno(), fcntl.LOCK_SH, seconds=LOCK_SECONDS)
                return file.read(FILE_BYTES)
        except FileNotFoundError:
            return b""

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The open file, for this thread of this process alone. Raises ``OSError``."""
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            raise TimeoutError
        try:
            descriptor = self._open()
            if not lock_file(descriptor, fcntl.LOCK_EX, seconds=LOCK_SECONDS):
                raise TimeoutError
            try:
                yield descriptor
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def _open(self) -> int:
        if self._descriptor is not None:
            if os.fstat(self._descriptor).st_nlink:
                return self._descriptor
            os.close(self._descriptor)  # an operator has removed it
            self._descriptor = None
        self._path.parent.mkdir(PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, PRIVATE_FILE)
        self._slots = RefusalSlots()
        self._descriptor = descriptor
        return descriptor

    def _count(self, descriptor: int, key: RefusalKey) -> None:
        now = self._clock()
        if not self._has_present(descriptor, key):
            limited = key.without_urls()
            # A forger at the limit is not worth the reading of the whole file each time.
            is_limited = self._slots.is_limited(key.account, now)
            if not (is_limited and self._has_present(descriptor, limited)):
                self._read_all(descriptor)
        place, entry = self._slots.count(key, now)
        written = os.pwrite(descriptor, _to_bytes(entry), place * SLOT_BYTES)
        if written != SLOT_BYTES:
            raise OSError("the slot was written in part")

    def _has_present(self, descriptor: int, key: RefusalKey) -> bool:
        """Whether the entry with this key is where it was; if so, as it is in the file now."""
        place = self._slots.place_of(key)
        if place is None:
            return False
        entry = _from_bytes(os.pread(descriptor, SLOT_BYTES, place * SLOT_BYTES))
        self._slots.put(place, entry)
        return entry is not None and key_of(entry) == key

    def _read_all(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size != FILE_BYTES:
            os.ftruncate(descriptor, FILE_BYTES)
        self._slots = RefusalSlots()
        for place, entry in enumerate(_entries(os.pread(descriptor, FILE_BYTES, 0))):
            self._slots.put(place, entry)


def _entries(content: bytes) -> list[Refusal | None]:
    starts = range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES)
    return [_from_bytes(content[start : start + SLOT_BYTES]) for start in starts]


def _fitting(key: RefusalKey) -> RefusalKey:
    """``key`` with as many of its URLs as there is space for."""
    spare = _MAX_TEXT_BYTES - len(_text_of(key.without_urls()))
    shortened = key.tried_urls.encode(errors="replace")[: max(spare, 0)].decode(errors="ignore")
    return key._replace(tried_urls=shortened)


def _text_of(key: RefusalKey) -> bytes:
    return "\0".join(key).encode(errors="replace")


def _to_bytes(entry: Refusal) -> bytes:
    text = _text_of(key_of(entry))
    times = ((at - _EPOCH) // _MICROSECOND for at in (entry.first_at, entry.last_at))
    content = _HEAD.pack(len(text), entry.count, *times) + text
    content = content.ljust(SLOT_BYTES - _CHECKSUM.size, b"\0")
    return _CHECKSUM.pack(zlib.crc32(content)) + content


def _from_bytes(slot: bytes) -> Refusal | None:
    """The entry of a slot; ``None`` if it is empty, or was not written to its end."""
    if len(slot) != SLOT_BYTES:
        return None
    (checksum,) = _CHECKSUM.unpack_from(slot)
    length, count, first, last = _HEAD.unpack_from(slot, _CHECKSUM.size)
    # The checksum of an empty slot is not 0, so it never fits.
    if zlib.crc32(slot[_CHECKSUM.size :]) != checksum:
        return None
    try:
        channel, *rest = slot[_TEXT_AT : _TEXT_AT + length].decode().split("\0")
        account, reason, tried_urls = rest
        times = (_EPOCH + at * _MICROSECOND for at in (first, last))
        return Refusal(ChannelType(channel), account, reason, tried_urls, count, *times)
    except (ValueError, OverflowError):  # another version wrote it
        return None
