"""Refusals in a file of fixed size, which the workers of a server and the commands share.

A slot is written whole, and has a checksum. A process that is killed while it writes leaves one
slot that cannot be read: it counts as empty and is used again. Nothing is synced to the disk.
"""

import fcntl
import logging
import os
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock, Thread

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
    merged,
    sorted_refusals,
)

logger = logging.getLogger(__name__)

SLOT_BYTES = 1024
FILE_BYTES = SLOTS * SLOT_BYTES

LOCK_SECONDS = 1.0
"""How long the thread waits for other processes. One that was stopped would hold it up for ever."""

PAUSE_SECONDS = 0.1
"""How long refusals are gathered: the responses to them have left by then."""

_CHECKSUM = struct.Struct("<I")
_HEAD = struct.Struct("<HQqq")
"""How long the text is, the count, and the first and last time in microseconds."""

_TEXT_AT = _CHECKSUM.size + _HEAD.size
_MAX_TEXT_BYTES = SLOT_BYTES - _TEXT_AT
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FileRefusals(Refusals):
    """The file at ``path``, made with the first refusal. What cannot be written is in memory.

    A thread writes what was added a moment ago: how long that takes depends on what is known,
    and must not show in the time of a response.

    ``elsewhere`` says which refusals are never in the file, if there are any.
    """

    def __init__(self, path: Path, clock: Clock, elsewhere: str | None = None) -> None:
        self._path = path
        self._clock = clock
        self._elsewhere = elsewhere
        self._adding = Lock()
        self._added: dict[RefusalKey, Refusal] = {}
        self._writing = Lock()
        self._in_memory = RefusalSlots()
        self._has_writer = False
        self._has_warned = False

    @override
    def add(self, channel: ChannelType | None, account: str, reason: str, tried_urls: str) -> None:
        key, now = RefusalKey.of(channel, account, reason, tried_urls), self._clock()
        with self._adding:
            has_writer, self._has_writer = self._has_writer, True
            if len(self._added) >= SLOTS and key not in self._added:
                key = key.without_urls()
            self._added[key] = merged(self._added.get(key), Refusal(*key, 1, now, now))
        if has_writer:
            return
        try:
            # It is no daemon: a server that ends waits for it.
            Thread(target=self._write_soon, name="refusals").start()
        except RuntimeError:  # no thread is left: the next refusal tries again
            self._has_writer = False

    @override
    def latest(self) -> tuple[Refusal, ...]:
        self._write()
        try:
            found = list(filter(None, _entries(self._read())))
        except OSError:
            found = []
        with self._writing:
            return sorted_refusals([*found, *self._in_memory.latest()])

    @override
    def notice(self) -> str | None:
        reasons = filter(None, (self._unseen(), self._elsewhere))
        return "; ".join(reasons) or None

    def _write_soon(self) -> None:
        time.sleep(PAUSE_SECONDS)
        with self._adding:
            self._has_writer = False  # what is added from now on needs another one
        self._write()

    def _write(self) -> None:
        with self._writing:
            with self._adding:
                added, self._added = [*self._added.values()], {}
            if not added:
                return
            try:
                with self._locked() as descriptor:
                    _add_all(descriptor, added)
            except Exception as error:
                self._warn_once(error)
                for entry in added:
                    self._in_memory.add(entry)

    def _warn_once(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            extra = {"error": type(error).__name__}
            logger.warning("refusals cannot be written, they stay in memory", extra=extra)

    def _unseen(self) -> str | None:
        with self._writing:
            if self._in_memory.latest():
                return f"{self._path} could not be written: each process has others in its memory"
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
        """The file, which is made if it is not there, for this process alone. Raises ``OSError``.

        It is opened anew each time: an operator may have removed it.
        """
        self._path.parent.mkdir(PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, PRIVATE_FILE)
        try:
            if not lock_file(descriptor, fcntl.LOCK_EX, seconds=LOCK_SECONDS):
                raise TimeoutError
            yield descriptor
        finally:
            os.close(descriptor)


def _add_all(descriptor: int, added: Iterable[Refusal]) -> None:
    """Count ``added`` in the file, whose lock is held. Raises ``OSError``."""
    if os.fstat(descriptor).st_size != FILE_BYTES:
        os.ftruncate(descriptor, FILE_BYTES)
    slots = RefusalSlots()
    for place, entry in enumerate(_entries(os.pread(descriptor, FILE_BYTES, 0))):
        slots.put(place, entry)
    changed = dict(slots.add(_fitting(entry)) for entry in added)
    for place, entry in changed.items():
        if os.pwrite(descriptor, _to_bytes(entry), place * SLOT_BYTES) != SLOT_BYTES:
            raise OSError("the slot was written in part")


def _entries(content: bytes) -> list[Refusal | None]:
    starts = range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES)
    return [_from_bytes(content[start : start + SLOT_BYTES]) for start in starts]


def _fitting(entry: Refusal) -> Refusal:
    """``entry`` with as many of its URLs as there is space for."""
    spare = _MAX_TEXT_BYTES - len(_text_of(key_of(entry).without_urls()))
    text = entry.tried_urls.encode(errors="replace")[: max(spare, 0)]
    return replace(entry, tried_urls=text.decode(errors="ignore"))


def _text_of(key: RefusalKey) -> bytes:
    channel, *rest = key
    return "\0".join((channel or "", *rest)).encode(errors="replace")


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
        named = ChannelType(channel) if channel else None
        return Refusal(named, account, reason, tried_urls, count, *times)
    except (ValueError, OverflowError):  # another version wrote it
        return None
