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
from application.ports.refusals import BriefDiagnosis, Diagnose, Refusal, Refusals
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from infrastructure.background_diagnoses import BackgroundDiagnoses
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

SLOT_BYTES = 2048
FILE_BYTES = SLOTS * SLOT_BYTES

PAUSE_SECONDS = 0.1
"""How long refusals are gathered: the responses to them have left by then."""

_VERSION = 2
_HEAD = struct.Struct("<BBHQ4q")
"""The version, whether a diagnosis is proven, how long the text is, the count, and four times.

These are in microseconds: the first, the last, of the latest accepted webhook, of the diagnosis.
"""

_MAX_TEXT_BYTES = SlotFile(Path(), SLOTS, SLOT_BYTES).content_bytes - _HEAD.size
_NO_TIME = -(2**63)
_KEY_TEXTS = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FileRefusals(Refusals):
    """The file at ``path``, made with the first refusal. What cannot be written is in memory.

    A thread writes what was added a moment ago: how long that takes depends on what is known,
    and must not show in the time of a response.

    ``elsewhere`` says which refusals are never in the file, if there are any.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        elsewhere: str | None = None,
        diagnose: Diagnose | None = None,
    ) -> None:
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
        self._diagnoses = BackgroundDiagnoses(diagnose, self._keep, clock)

    @override
    def add(
        self,
        channel: ChannelType | None,
        account: str,
        reason: str,
        tried_urls: str,
        *,
        accepted_at: datetime | None = None,
        request: WebhookRequest | None = None,
    ) -> None:
        key, now = RefusalKey.of(channel, account, reason, tried_urls), self._clock()
        with self._adding:
            has_writer, self._has_writer = self._has_writer, True
            if len(self._added) >= SLOTS and key not in self._added:
                key = key.without_urls()
            new = Refusal(*key, 1, now, now, accepted_at)
            self._added[key] = merged(self._added.get(key), new)
        # Afterwards: a diagnosis belongs to a refusal that is counted.
        self._diagnoses.offer(key, now, request)
        if has_writer:
            return
        try:
            # No daemon, as what starts it may be: a server that ends waits for it.
            Thread(target=self._write_soon, name="refusals", daemon=False).start()
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

    def _keep(self, key: RefusalKey, at: datetime, diagnosis: BriefDiagnosis) -> None:
        with self._adding:
            new = Refusal(*key, 0, at, at, diagnosis=diagnosis)
            self._added[key] = merged(self._added.get(key), new)
        self._write()

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
    changed = dict(filter(None, (slots.add(_fitting(entry)) for entry in added)))
    for place, entry in changed.items():
        file.write(place, _to_bytes(entry))


def _fitting(entry: Refusal) -> Refusal:
    """``entry`` with as many of its URLs as there is space for. Text of a diagnosis comes after."""
    spare = _MAX_TEXT_BYTES - len(_text_of(key_of(entry).without_urls()))
    text = entry.tried_urls.encode(errors="replace")[: max(spare, 0)]
    return replace(entry, tried_urls=text.decode(errors="ignore"))


def _text_of(key: RefusalKey) -> bytes:
    channel, *rest = key
    return "\0".join((channel or "", *rest)).encode(errors="replace")


def _to_bytes(entry: Refusal) -> bytes:
    text, diagnosis = _text_of(key_of(entry)), entry.diagnosis
    if diagnosis:
        texts = (diagnosis.code, diagnosis.cause, diagnosis.remedy)
        longer = b"\0".join((text, *(one.encode(errors="replace") for one in texts)))
        # Half a remedy would be worse than none.
        diagnosis, text = (diagnosis, longer) if len(longer) <= _MAX_TEXT_BYTES else (None, text)
    found_at = diagnosis.at if diagnosis else None
    times = (entry.first_at, entry.last_at, entry.accepted_at, found_at)
    numbers = (_NO_TIME if at is None else (at - _EPOCH) // _MICROSECOND for at in times)
    is_certain = diagnosis is not None and diagnosis.is_certain
    return _HEAD.pack(_VERSION, is_certain, len(text), entry.count, *numbers) + text


def _from_bytes(content: bytes | None) -> Refusal | None:
    """The entry of a slot; ``None`` if it has none, or has that of another version."""
    if content is None:
        return None
    version, is_certain, length, count, *numbers = _HEAD.unpack_from(content)
    if version != _VERSION:
        return None
    try:
        texts = content[_HEAD.size : _HEAD.size + length].decode().split("\0")
        channel, account, reason, tried_urls = texts[:_KEY_TEXTS]
        first, last, accepted, found = numbers
        entry = Refusal(
            ChannelType(channel) if channel else None,
            account,
            reason,
            tried_urls,
            count,
            _time_of(first),
            _time_of(last),
            None if accepted == _NO_TIME else _time_of(accepted),
        )
        if found == _NO_TIME:
            return entry
        code, cause, remedy = texts[_KEY_TEXTS:]
        diagnosis = BriefDiagnosis(code, cause, remedy, bool(is_certain), _time_of(found))
        return replace(entry, diagnosis=diagnosis)
    except (ValueError, OverflowError):  # another version wrote it
        return None


def _time_of(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND
