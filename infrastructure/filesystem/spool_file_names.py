"""The files of a spool: what their names say, and a lock around every change of a name."""

import errno
import fcntl
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from application.ports.spool import is_hidden
from infrastructure.durable_files import PRIVATE_FILE, lock_file, make_directory

BROKEN_SUFFIX = ".broken"
_TIME = r"\d{8}T\d{6}\.\d{6}Z"
_NAME = re.compile(
    rf"({_TIME})\.([\w-]+)\.([\w-]+)\.(\d+)\.({_TIME})(?:\.([\w-]+))?\.json", re.ASCII
)
_LONGEST_REASON = 60
"""With it the longest name has 254 characters, suffix included: file systems take 255."""
_SCAN_SECONDS = 60.0
"""How soon a file is noticed that an operator moved here."""

LOCK_SECONDS = 1.5
"""How long the lock is waited for: twice that, as writing an entry may need, a webhook has left."""


@dataclass(frozen=True, slots=True)
class EntryFile:
    """An entry as the name of its file tells it: a rename is a change of its state.

    ``reason`` is why the latest attempt failed, as ``reason_in_name`` writes it.
    """

    received_at: datetime
    group: str
    entry_id: str
    attempts: int
    hidden_until: datetime
    reason: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        reason = f".{self.reason}" if self.reason else ""
        return (
            f"{_sortable(self.received_at)}.{self.group}.{self.entry_id}"
            f".{self.attempts}.{_sortable(self.hidden_until)}{reason}.json"
        )

    def is_ready(self, now: datetime) -> bool:
        """Whether it may be taken; a new one always, whatever became of the clock since."""
        return self.attempts == 0 or not is_hidden(self.hidden_until, now)

    def taken(self, hidden_until: datetime) -> "EntryFile":
        """The same entry, taken once more."""
        return replace(self, attempts=self.attempts + 1, hidden_until=hidden_until)

    def reason_beside(self, first: str) -> str:
        """The reason for a person: the whole of ``first``, the entry's own, as long as it holds."""
        if self.reason in {"", reason_in_name(first)}:
            return first
        return self.reason.replace("_", ": ").replace("-", " ")


class EntryFiles:
    """The entries in ``directory``, in the order in which they were received.

    Everything but reading a file happens under ``locked``, which keeps out the other threads
    and, by a lock file, the other processes: a directory that is listed while files in it
    are renamed may show one of them under neither name, and the next of its group would seem
    to be the oldest. ``entries``, by their ids, are read once and then updated; every change
    leaves a new mark in the lock file, by which the other processes know that theirs are out
    of date (to read them again takes some 7 µs an entry).
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turn = Lock()
        self._lock_file = -1
        self._mark = b""
        self._scanned_at = float("-inf")
        self.entries: dict[str, EntryFile] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other thread or process changes a name meanwhile. ``OSError`` if one does for long."""
        ends_at = time.monotonic() + LOCK_SECONDS
        if not self._turn.acquire(timeout=LOCK_SECONDS):
            raise _not_free()
        try:
            make_directory(self._directory)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock_file = os.open(self._directory / ".lock", flags, PRIVATE_FILE)
            try:
                seconds = ends_at - time.monotonic()
                if not lock_file(self._lock_file, fcntl.LOCK_EX, seconds=seconds):
                    raise _not_free()
                self._refresh()
                yield
            finally:
                os.close(self._lock_file)
        finally:
            self._turn.release()

    def in_state(self, name: str, entry_id: str) -> EntryFile | None:
        """The entry, if its file still has this name."""
        file = self.entries.get(entry_id)
        return file if file and file.name == name else None

    def oldest_of_each_group(self) -> list[EntryFile]:
        """The first entry of each group, the oldest group first."""
        oldest: dict[str, EntryFile] = {}
        for file in sorted(self.entries.values(), key=lambda file: file.received_at):
            oldest.setdefault(file.group, file)
        return [*oldest.values()]

    def count_broken(self) -> int:
        """How many files were set aside."""
        return sum(1 for _ in self._directory.glob(f"*{BROKEN_SUFFIX}"))

    def add(self, path: Path, file: EntryFile) -> None:
        """Make an entry of the file at ``path``."""
        self._leave_mark()
        path.rename(self._directory / file.name)
        self.entries[file.entry_id] = file

    def change(self, file: EntryFile, changed: EntryFile) -> bool:
        """Rename an entry from one state to another; ``False`` if its file is gone."""
        self._leave_mark()
        try:
            (self._directory / file.name).rename(self._directory / changed.name)
        except FileNotFoundError:  # an operator deleted it
            del self.entries[file.entry_id]
            return False
        self.entries[file.entry_id] = changed
        return True

    def quarantine(self, file: EntryFile) -> None:
        """Set the file aside for an operator: it is no entry any longer."""
        self._leave_mark()
        with suppress(FileNotFoundError):
            (self._directory / file.name).rename(self._directory / f"{file.name}{BROKEN_SUFFIX}")
        del self.entries[file.entry_id]

    def remove(self, file: EntryFile) -> None:
        """Delete the file."""
        self._leave_mark()
        (self._directory / file.name).unlink(missing_ok=True)
        del self.entries[file.entry_id]

    def _leave_mark(self) -> None:
        """Tell the other processes; before the change, for this process may be killed in it."""
        mark = uuid.uuid4().bytes
        os.pwrite(self._lock_file, mark, 0)
        self._mark = mark

    def _refresh(self) -> None:
        mark = os.pread(self._lock_file, 16, 0)
        if mark == self._mark and time.monotonic() < self._scanned_at + _SCAN_SECONDS:
            return
        files = [file for path in self._directory.iterdir() if (file := _entry_file(path.name))]
        self.entries = {file.entry_id: file for file in files}
        self._mark, self._scanned_at = mark, time.monotonic()


def _not_free() -> OSError:
    return TimeoutError(errno.ETIMEDOUT, "another thread or process holds its lock")


def _entry_file(name: str) -> EntryFile | None:
    parts = _NAME.fullmatch(name)
    if parts is None:
        return None
    received, group, entry_id, attempts, hidden, reason = parts.groups(default="")
    try:
        received_at, hidden_until = datetime.fromisoformat(received), datetime.fromisoformat(hidden)
    except ValueError:  # the 31st of February
        return None
    return EntryFile(received_at, group, entry_id, int(attempts), hidden_until, reason)


def reason_in_name(reason: str) -> str:
    """The beginning of ``reason`` in letters and digits, for the name of a file."""
    parts = (re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in reason.split(": "))
    return "_".join(filter(None, parts))[:_LONGEST_REASON].rstrip("_-")


def _sortable(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
