"""The spool as files: it needs neither the store nor the queues."""

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from typing_extensions import override

from application.clock import Clock
from application.ports.metrics import Metrics
from application.ports.spool import (
    SearchableSpool,
    Spool,
    SpoolDelivery,
    SpoolDepth,
    SpoolEntry,
    SpoolErasure,
    VisibleSpool,
    WaitingEntry,
)
from domain.errors import SpoolFullError
from infrastructure.durable_files import BROKEN_FILE, create_file, file_errors, sync_directory
from infrastructure.filesystem.spool_file_names import EntryFile, EntryFiles, reason_in_name
from infrastructure.serialization.webhook_json import entry_from_json, entry_to_json

logger = logging.getLogger(__name__)


class FileSpool(Spool, SearchableSpool, VisibleSpool):
    """One private JSON file for each entry; its name is its state, and also the receipt.

    Threads and processes may share it. The spool is full with ``max_entries``, or when
    fewer than ``min_free_bytes`` of the disk would stay free: the store needs them too. Those
    that write at the same moment may exceed a limit by what they write.

    A file that cannot be read gets the suffix ``.broken``, counts as an error, and stays;
    without the suffix it is an entry again, within a minute.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        metrics: Metrics,
        *,
        max_entries: int = 10_000,
        min_free_bytes: int = 256 * 1024**2,
    ) -> None:
        self._directory = directory.absolute()
        self._clock = clock
        self._metrics = metrics
        self._max_entries = max_entries
        self._min_free_bytes = min_free_bytes
        self._files = EntryFiles(self._directory)

    @override
    def enqueue(self, entry: SpoolEntry) -> None:
        content = entry_to_json(entry).encode()
        with file_errors("the spool could not be written"):
            if not self._holds(entry, room_for=len(content)):
                self._write(entry, content)
            # Also when it was there: another thread may have written it and not come this far yet.
            sync_directory(self._directory)

    def _holds(self, entry: SpoolEntry, *, room_for: int) -> bool:
        """Whether the entry is there; ``SpoolFullError`` if it is not and there is no room."""
        with self._files.locked():
            if entry.entry_id in self._files.entries:
                return True
            if len(self._files.entries) >= self._max_entries:
                raise SpoolFullError(f"the spool holds {self._max_entries} entries already")
        if shutil.disk_usage(self._directory).free - room_for < self._min_free_bytes:
            raise SpoolFullError(f"{self._min_free_bytes} bytes of the disk have to stay free")
        return False

    def _write(self, entry: SpoolEntry, content: bytes) -> None:
        received_at = entry.received_at
        file = EntryFile(received_at, entry.group, entry.entry_id, 0, received_at)
        # Writing takes long: not under the lock, and so not yet under the final name.
        incoming = self._directory / f".{uuid.uuid4()}.incoming"
        try:
            create_file(incoming, content)
            with self._files.locked():
                if entry.entry_id not in self._files.entries:
                    self._files.add(incoming, file)
        finally:
            incoming.unlink(missing_ok=True)

    @override
    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        with file_errors("the spool could not be read"):
            taken = self._receive_files(limit, visibility)
            deliveries = [self._read(file) for file in taken]
        return tuple(delivery for delivery in deliveries if delivery)

    def _receive_files(self, limit: int, visibility: timedelta) -> list[EntryFile]:
        taken: list[EntryFile] = []
        with self._files.locked():
            now = self._clock()
            for file in self._files.oldest_of_each_group():
                if len(taken) == limit:
                    break
                changed = file.taken(hidden_until=now + visibility)
                if file.is_ready(now) and self._files.change(file, changed):
                    taken.append(changed)
        return taken

    def _read(self, file: EntryFile) -> SpoolDelivery | None:
        """What is in the file; ``None`` if it is broken, or another worker has it meanwhile."""
        try:
            entry = _entry_in(self._directory / file.name)
        except ValueError as error:
            self._quarantine(file, str(error))
            return None
        if entry is not None and entry.entry_id != file.entry_id:
            self._quarantine(file, "the name of the file is another entry's")
            return None
        return SpoolDelivery(entry, file.name, file.attempts) if entry else None

    def _quarantine(self, file: EntryFile, reason: str) -> None:
        with self._files.locked():
            if present := self._files.in_state(file.name, file.entry_id):
                self._files.quarantine(present)
        self._metrics.count("Errors", type="broken_spool_entry")
        extra = {"spool_entry_id": file.entry_id, "reason": reason}
        logger.error("spool entry is broken and set aside", extra=extra)

    @override
    def acknowledge(self, delivery: SpoolDelivery) -> None:
        with file_errors("the spool could not be changed"):
            with self._files.locked():
                if file := self._files.in_state(delivery.receipt, delivery.entry.entry_id):
                    self._files.remove(file)
            sync_directory(self._directory)

    @override
    def release(self, delivery: SpoolDelivery, delay: timedelta, reason: str = "") -> None:
        with file_errors("the spool could not be changed"), self._files.locked():
            if file := self._files.in_state(delivery.receipt, delivery.entry.entry_id):
                until, why = self._clock() + delay, reason_in_name(reason)
                self._files.change(file, replace(file, hidden_until=until, reason=why))

    @override
    def depth(self) -> SpoolDepth:
        with file_errors("the spool could not be read"), self._files.locked():
            files = self._files.entries.values()
            oldest_at = min((file.received_at for file in files), default=None)
            attempts = max((file.attempts for file in files), default=0)
            return SpoolDepth(len(files), oldest_at, self._files.count_broken(), attempts)

    @override
    def look(self) -> Iterator[WaitingEntry]:
        with file_errors("the spool could not be read"), self._files.locked():
            files = [*self._files.entries.values()]
        for file in sorted(files, key=lambda file: file.received_at, reverse=True):
            with file_errors("the spool could not be read"), suppress(ValueError):
                if entry := _entry_in(self._directory / file.name):
                    why = file.reason_beside(entry.reason)
                    yield WaitingEntry(entry, file.attempts, why, file.hidden_until)

    @override
    def erase(self, wanted: Callable[[SpoolEntry], bool]) -> SpoolErasure:
        """Of files that are broken or set aside nothing is known: they stay."""
        with file_errors("the spool could not be searched"):
            with self._files.locked():
                files = [*self._files.entries.values()]
            statuses = {file.entry_id: self._is_wanted(file, wanted) for file in files}
            with self._files.locked():
                found = [f for f in self._files.entries.values() if statuses.get(f.entry_id)]
                for file in found:
                    self._files.remove(file)
                broken = self._files.count_broken() + list(statuses.values()).count(None)
            sync_directory(self._directory)
        return SpoolErasure(len(found), broken)

    def _is_wanted(self, file: EntryFile, wanted: Callable[[SpoolEntry], bool]) -> bool | None:
        """Of a file that is gone ``False``: a worker has it. ``None`` if it is broken."""
        try:
            entry = _entry_in(self._directory / file.name)
        except ValueError:
            return None
        return entry is not None and wanted(entry)


def _entry_in(path: Path) -> SpoolEntry | None:
    """What is in a file; ``None`` if it is gone, ``ValueError`` if it is broken."""
    try:
        return entry_from_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in BROKEN_FILE:
            raise ValueError(error.strerror) from error
        raise
