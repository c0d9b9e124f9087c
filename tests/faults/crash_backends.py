"""The storage of a crash run: files on this machine, or an emulator of AWS."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from dependency_injector import providers

from application.ports.spool import Spool, SpoolDelivery
from entrypoints.composition.container import Container, build_container
from infrastructure.aws.sqs_spool import SqsSpool
from tests.emulators import EmulatedAws
from tests.end_to_end.aws import settings_on_aws, use_emulator
from tests.faults.crash_points import Points
from tests.faults.crash_webhooks import ORIGIN

_SETTINGS = {"PUBLIC_BASE_URL": ORIGIN, "FALLBACK_MAX_PER_HOUR": "1000000"}


class CrashBackend(Protocol):
    """Builds the containers of a run, all on the same storage."""

    at_most_once: bool
    """Whether its queues drop a context that was published before."""

    has_transactions: bool
    """Whether one transaction holds all steps of a message."""

    @abstractmethod
    def container(self, data_dir: Path, *, may_die: bool) -> Container:
        """The container of a process that may die, or of the process that inspects the result."""

    @abstractmethod
    def watch(self, container: Container, points: Points) -> None:
        """Add crash points inside this backend's storage engines."""


class EmbeddedBackend(CrashBackend):
    """SQLite and files, in a new directory for each run."""

    at_most_once = True
    has_transactions = True

    def container(self, data_dir: Path, *, may_die: bool) -> Container:
        """See ``CrashBackend``."""
        return build_container({"DATA_DIR": str(data_dir), **_SETTINGS})

    def watch(self, container: Container, points: Points) -> None:
        """See ``CrashBackend``."""
        points.within_database(container)
        points.within_files(container.settings().data_dir)


@dataclass(frozen=True)
class EmulatedBackend(CrashBackend):
    """The same tables and queues for all runs, because an emulator creates them slowly.

    Its clients are built and not used yet, so that a process can be forked with them:
    ``for_processes`` for processes that may die, ``for_checks`` for the inspecting process.
    """

    for_processes: EmulatedAws
    for_checks: EmulatedAws
    settings: Mapping[str, str]

    at_most_once = False
    has_transactions = False

    @classmethod
    def create(cls, aws: EmulatedAws, data_dir: Path) -> "EmulatedBackend":
        """Create new tables and queues."""
        settings = settings_on_aws(aws, data_dir, _SETTINGS)
        unused = [EmulatedAws(aws.environ) for _ in range(2)]
        for one in unused:
            _ = one.dynamodb, one.sqs, one.s3
        return cls(unused[0], unused[1], settings)

    def container(self, data_dir: Path, *, may_die: bool) -> Container:
        """See ``CrashBackend``."""
        aws = self.for_processes if may_die else self.for_checks
        container = build_container({**self.settings, "DATA_DIR": str(data_dir)})
        use_emulator(container, aws)
        use_short_timeout_spool(container, aws)
        return container

    def watch(self, container: Container, points: Points) -> None:
        """See ``CrashBackend``."""
        aws = self.for_processes
        points.within_aws(aws.dynamodb, aws.sqs, aws.s3)


def use_short_timeout_spool(container: Container, aws: EmulatedAws) -> None:
    """Use a spool that waits neither for entries nor for workers that died."""
    url = container.settings().spool_queue_url
    assert url is not None
    spool = ShortTimeoutSpool(SqsSpool(aws.sqs, url, container.files().blobs, wait_seconds=0))
    container.spool.override(providers.Object(spool))


@dataclass(frozen=True)
class ShortTimeoutSpool:
    """Hides entries for a second at most: the clock of an emulator cannot be moved forward."""

    spool: Spool

    def __getattr__(self, name: str) -> object:
        return getattr(self.spool, name)

    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        """See ``Spool``."""
        return self.spool.receive(limit, min(visibility, timedelta(seconds=1)))

    def release(self, delivery: SpoolDelivery, delay: timedelta, reason: str = "") -> None:
        """See ``Spool``."""
        self.spool.release(delivery, min(delay, timedelta(0)), reason)
