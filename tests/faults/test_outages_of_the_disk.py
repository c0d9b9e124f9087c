"""A real server with a full or read-only disk, or with a database that is locked."""

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from application.clock import utc_now
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.end_to_end.providers import Providers
from tests.faults.crash_webhooks import ORIGIN, Case, Inspector, Kind, backlog_of
from tests.faults.posting import post_all
from tests.processes import Server, environment, killed_server

CASES = tuple(Case(Kind.REPLY, number) for number in range(3))
MAIL = Case(Kind.MAIL_WITH_FILE, 3)
HALF_A_FILE = 700
"""Bytes: too few for the attachment of the mail, and too few for a spool entry."""

A_SMALL_FILE = 6_000
"""Bytes: enough for a spool entry, too few for a page in the database's log."""

DELIVERY_SECONDS = 30.0


class ObservedServer:
    """A server process, and a container on the same data to inspect it."""

    def __init__(self, server: Server, container: Container) -> None:
        self.server = server
        self.container = container
        self.data_dir = container.settings().data_dir
        self._providers = Providers.of(keep_development_credentials(self.data_dir))

    def post(self, case: Case) -> int:
        """Post ``case``; return the status."""
        ((status, _),) = post_all([(self.server.origin, case.webhook(self._providers))], 1)
        return status

    def problems(self, *cases: Case) -> list[str]:
        """The problems of ``cases`` ten minutes later, after another process ran the jobs."""
        later = utc_now() + timedelta(minutes=10)
        self.container.clock.override(providers.Object(lambda: later))
        ends_at = time.monotonic() + DELIVERY_SECONDS
        while any(backlog_of(self.container)) and time.monotonic() < ends_at:
            drain_some(self.container)
            relay_some(self.container)
        inspector = Inspector(self.container, [])
        inspector.take_contexts()
        found = [inspector.find(case).problems(at_most_once=True) for case in cases]
        return [*backlog_of(self.container), *(one for some in found for one in some)]

    @contextmanager
    def files_limited_to(self, size_bytes: int) -> Iterator[None]:
        """Limit the size of the server's files, as if the disk were full."""
        process = self.server.process.pid
        limits = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
        yield
        resource.prlimit(process, resource.RLIMIT_FSIZE, limits)

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Another process holds a write transaction."""
        path = self.data_dir / "frontdesk.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def spool_read_only(self) -> Iterator[None]:
        """Make the spool's directory read-only."""
        spool = self.data_dir / "spool"
        spool.chmod(0o500)
        yield
        spool.chmod(0o700)


@pytest.fixture
def frontdesk(tmp_path: Path) -> Iterator[ObservedServer]:
    # What a process imports with a full disk would stay as half a file, for every later process.
    environ = environment(tmp_path, PUBLIC_BASE_URL=ORIGIN, PYTHONDONTWRITEBYTECODE="1")
    container = build_container(environ)
    for case in (*CASES, MAIL):
        case.open_conversation(container)
    with killed_server(environ) as server:
        yield ObservedServer(server, container)
    container.shutdown_resources()


def test_full_disk_loses_nothing(frontdesk: ObservedServer) -> None:
    assert frontdesk.post(CASES[0]) == 200
    with frontdesk.files_limited_to(A_SMALL_FILE):
        assert frontdesk.post(CASES[1]) == 200
        assert frontdesk.container.spool().depth().entries == 1
    with frontdesk.files_limited_to(0):
        assert frontdesk.post(CASES[2]) == 503

    assert frontdesk.post(CASES[2]) == 200
    assert frontdesk.problems(*CASES) == []


def test_half_written_attachment_is_complete_after_the_mail_is_sent_again(
    frontdesk: ObservedServer,
) -> None:
    with frontdesk.files_limited_to(HALF_A_FILE):
        assert frontdesk.post(MAIL) == 503

    assert [frontdesk.post(case) for case in (MAIL, *CASES)] == [200] * 4
    assert frontdesk.problems(MAIL, *CASES) == []
    assert [*frontdesk.data_dir.rglob(".*.tmp"), *frontdesk.data_dir.rglob(".*.incoming")] == []


def test_locked_database_loses_nothing(frontdesk: ObservedServer) -> None:
    with frontdesk.database_locked():
        assert frontdesk.post(CASES[0]) == 200
        assert frontdesk.container.spool().depth().entries == 1

    assert [frontdesk.post(case) for case in CASES] == [200] * 3
    assert frontdesk.problems(*CASES) == []


def test_webhook_receives_503_while_the_spool_cannot_be_written(frontdesk: ObservedServer) -> None:
    assert frontdesk.post(CASES[0]) == 200
    with frontdesk.files_limited_to(A_SMALL_FILE), frontdesk.spool_read_only():
        assert frontdesk.post(CASES[1]) == 503

    assert [frontdesk.post(case) for case in CASES] == [200] * 3
    assert frontdesk.problems(*CASES) == []
