"""The data directory: blobs, dead letters, the spool, and a developer's fallbacks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from application.clock import Clock
from application.ports.fallback_sender import FallbackSender
from application.ports.metrics import Metrics
from domain.errors import StorageUnavailableError
from infrastructure.backend import Backend, FileBackend, SpoolBackend
from infrastructure.durable_files import delete_stale_temporary_files
from infrastructure.filesystem.blob_files import FileBlobStore
from infrastructure.filesystem.dead_letter_files import FileDeadLetters
from infrastructure.filesystem.spool_files import FileSpool

if TYPE_CHECKING:
    from application.ports.checks import CheckResult
    from application.ports.refusals import Diagnose, Refusals
    from application.ports.sample_history import SampleHistory


@dataclass(frozen=True, eq=False)
class DirectoryFiles(FileBackend):
    """Blobs and dead letters in two directories."""

    directory: Path

    @cached_property
    def blobs(self) -> FileBlobStore:
        """In ``blobs``."""
        return FileBlobStore(self.directory / "blobs")

    @cached_property
    def dead_letters(self) -> FileDeadLetters:
        """In ``dead-letters``."""
        return FileDeadLetters(self.directory / "dead-letters")

    @override
    def has_dead_letters(self) -> bool:
        return (self.directory / "dead-letters").exists()


@dataclass(frozen=True, eq=False)
class DirectorySpool(SpoolBackend):
    """The spool in a directory."""

    directory: Path
    clock: Clock
    metrics: Metrics

    @cached_property
    def spool(self) -> FileSpool:
        """In ``spool``."""
        return FileSpool(self.directory / "spool", self.clock, self.metrics)

    @override
    def has_spool(self) -> bool:
        return (self.directory / "spool").exists()

    @override
    def start_problems(self) -> Sequence[str]:
        """The start creates the spool: when it is needed, nothing else may work."""
        self.spool.depth()
        return ()


@dataclass(frozen=True, eq=False)
class DataDirectory(Backend):
    """The directory itself, and what lies in it for no role."""

    directory: Path

    @cached_property
    def fallback_log(self) -> FallbackSender:
        """Where fallbacks go on a developer's machine."""
        from infrastructure.filesystem.fallback_log import FileFallbackSender

        return FileFallbackSender(self.directory / "fallbacks.jsonl")

    def refusals(self, clock: Clock, elsewhere: str | None, diagnose: "Diagnose") -> "Refusals":
        """The refusals in ``refusals``; see ``FileRefusals``."""
        from infrastructure.filesystem.refusal_file import FileRefusals

        return FileRefusals(self.directory / "refusals", clock, elsewhere, diagnose)

    def samples(self, names: Sequence[str], clock: Clock) -> "SampleHistory":
        """The samples in ``samples``; see ``FileSampleHistory``."""
        from infrastructure.filesystem.sample_file import FileSampleHistory

        return FileSampleHistory(self.directory / "samples", names, clock)

    @override
    def checks(self) -> "Iterator[CheckResult]":
        from infrastructure.filesystem.directory_checks import check_directory

        return check_directory(self.directory)

    def delete_stale_temporary_files(self, before: datetime) -> int:
        """Delete what was being written before that and was never finished; how many files.

        Raises ``StorageUnavailableError``.
        """
        try:
            return delete_stale_temporary_files(self.directory, before)
        except OSError as error:
            reason = f"they could not be removed: {error.strerror}"
            raise StorageUnavailableError(reason) from error
