"""Refusals in a file of fixed size, which the workers of a server and the commands share."""

import logging
import os
import struct
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock, Thread

from typing_extensions import override

from application.clock import Clock
from application.ports.refusals import Refusal, Refusals
from domain.channels import ChannelType
from infrastructure.filesystem.slot_file import OpenSlots, SlotFile
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

PAUSE_SECONDS = 0.1
"""How long refusals are gathered: the responses to them have left by then."""

_HEAD = struct.Struct("<HQqq")
"""How long the text is, the count, and the first and last time in microseconds."""

_MAX_TEXT_BYTES = SlotFile(Path(), SLOTS, SLOT_BYTES).content_bytes - _HEAD.size
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
        self._file = SlotFile(path, SLOTS, SLOT_BYTES)
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
            found = list(filter(None, map(_from_bytes, self._file.read())))
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
                with self._file.locked() as slots:
                    _add_all(slots, added)
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
            if self._file.read():
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


def _add_all(file: OpenSlots, added: Iterable[Refusal]) -> None:
    """Count ``added`` in the file. Raises ``OSError``."""
    slots = RefusalSlots()
    for place, content in enumerate(file.read()):
        slots.put(place, _from_bytes(content))
    changed = dict(slots.add(_fitting(entry)) for entry in added)
    for place, entry in changed.items():
        file.write(place, _to_bytes(entry))


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
    return _HEAD.pack(len(text), entry.count, *times) + text


def _from_bytes(content: bytes | None) -> Refusal | None:
    """The entry of a slot; ``None`` if it has none, or has that of another version."""
    if content is None:
        return None
    length, count, first, last = _HEAD.unpack_from(content)
    try:
        channel, *rest = content[_HEAD.size : _HEAD.size + length].decode().split("\0")
        account, reason, tried_urls = rest
        times = (_EPOCH + at * _MICROSECOND for at in (first, last))
        named = ChannelType(channel) if channel else None
        return Refusal(named, account, reason, tried_urls, count, *times)
    except (ValueError, OverflowError):  # another version wrote it
        return None
