"""Webhooks that are committed together, on a disk that fills or hangs meanwhile."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
from dependency_injector import providers

from application.clock import Deadline
from entrypoints.composition.container import Container, build_container
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.grouped_commits import GroupedCommits
from tests.end_to_end.conftest import Serve, backend, host, serve
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.faults.crash_webhooks import ORIGIN, Case, Inspector, Kind, backlog_of
from tests.faults.outages import Outage
from tests.faults.test_outages_of_the_disk import A_SMALL_FILE, ObservedServer
from tests.processes import environment, killed_server

__all__ = ["backend", "host", "serve"]
"""Fixtures of the end-to-end tests."""

BEFORE, AFTER = Case(Kind.REPLY, 100), Case(Kind.REPLY, 101)
CASES = tuple(Case(kind, number) for number, kind in enumerate([Kind.REPLY, Kind.HAND_OFF] * 8))
GATHER_SECONDS = 0.7
"""Long enough to post all webhooks, and shorter than the database's timeout."""

SMALL_DISK_BYTES, ROOM_BYTES = 3_000_000, 40_000
LOG_HEADER, A_PAGE = 32, 24 + 4096
"""Bytes of the write-ahead log: its header, and each page with its own."""


class ServerOnABadDisk(ObservedServer):
    """Its write-ahead log can be read."""

    @property
    def log(self) -> bytes:
        return (self.data_dir / "frontdesk.db-wal").read_bytes()

    def commits(self) -> int:
        """How many commits are in the log: https://www.sqlite.org/fileformat.html#walformat"""
        log = self.log
        return sum(log[at + 4 : at + 8] != bytes(4) for at in range(LOG_HEADER, len(log), A_PAGE))


@contextmanager
def serving(data_dir: Path) -> Iterator[ServerOnABadDisk]:
    """A server that knows the senders of all cases."""
    # What a process imports with a full disk would stay as half a file, for every later process.
    environ = environment(data_dir, PUBLIC_BASE_URL=ORIGIN, PYTHONDONTWRITEBYTECODE="1")
    container = build_container(environ)
    for case in (BEFORE, *CASES, AFTER):
        case.open_conversation(container)
    with killed_server(environ) as process:
        yield ServerOnABadDisk(process, container)
    container.shutdown_resources()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerOnABadDisk]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "small", str(tmp_path)]
    if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this user may not mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def post_together(server: ServerOnABadDisk, cases: Sequence[Case]) -> list[int]:
    """The statuses of ``cases``, whose units gather while another process has the lock."""
    with ThreadPoolExecutor(len(cases)) as pool:
        with server.database_locked():
            statuses = [pool.submit(server.post, case) for case in cases]
            time.sleep(GATHER_SECONDS)
        return [status.result() for status in statuses]


def test_webhooks_of_a_group_that_finds_no_room_are_spooled(server: ServerOnABadDisk) -> None:
    assert server.post(BEFORE) == 200
    with server.files_limited_to(A_SMALL_FILE):
        assert post_together(server, CASES) == [200] * len(CASES)
        assert server.container.spool().depth().entries == len(CASES)
    assert server.post(AFTER) == 200
    assert server.problems(BEFORE, *CASES, AFTER) == []


def test_disk_that_fills_within_a_commit_loses_nothing(server: ServerOnABadDisk) -> None:
    assert server.post(BEFORE) == 200
    with server.files_limited_to(len(server.log) + 3 * A_PAGE):
        assert post_together(server, CASES) == [200] * len(CASES)
        assert server.container.spool().depth().entries == len(CASES)
    assert server.post(AFTER) == 200
    assert server.problems(BEFORE, *CASES, AFTER) == []


def test_disk_that_fills_between_two_groups_leaves_both_whole(server: ServerOnABadDisk) -> None:
    first, second = CASES[:8], CASES[8:]
    commits_before = server.commits()
    assert post_together(server, first) == [200] * len(first)
    assert server.commits() - commits_before < len(first)
    pages = len(server.log) // A_PAGE
    with server.files_limited_to(len(server.log) + pages * A_PAGE // 8):
        assert post_together(server, second) == [200] * len(second)
        assert server.container.spool().depth().entries == len(second)
    assert server.problems(*CASES) == []


def test_webhooks_of_a_group_receive_503_where_the_spool_has_no_room_either(
    server: ServerOnABadDisk,
) -> None:
    assert server.post(BEFORE) == 200
    with server.files_limited_to(0):
        assert post_together(server, CASES) == [503] * len(CASES)
    assert post_together(server, CASES) == [200] * len(CASES)
    assert server.problems(BEFORE, *CASES) == []


def test_full_disk_loses_no_webhook_of_a_group(small_disk: Path) -> None:
    with serving(small_disk) as server:
        assert server.post(BEFORE) == 200
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - ROOM_BYTES))
        statuses = dict(zip(CASES, post_together(server, CASES), strict=True))
        # The log takes the last room, so that at most a few find some in the spool.
        assert {503} <= set(statuses.values()) <= {200, 503}
        filler.unlink()
        refused = [case for case, status in statuses.items() if status == 503]
        assert post_together(server, refused) == [200] * len(refused)
        assert server.problems(BEFORE, *CASES) == []


class HangingCommit:
    """The next COMMIT after ``begin`` does not end before ``end``."""

    def __init__(self) -> None:
        self.hangs = Event()
        self._may_end = Event()
        self._may_end.set()

    def begin(self) -> None:
        self._may_end.clear()

    def end(self) -> None:
        self._may_end.set()

    def at_statement(self, statement: str) -> None:
        """Called by the database."""
        if statement == "COMMIT" and not self._may_end.is_set():
            self.hangs.set()
            self._may_end.wait(30)


@contextmanager
def gathered(frontdesk: RunningFrontDesk, units: GroupedCommits, number: int) -> Iterator[None]:
    """What is posted within it becomes one group of ``number`` units, when it is left."""
    path = frontdesk.data_dir / "frontdesk.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        ends_at = time.monotonic() + 10
        while len(units._waiting) < number:
            assert time.monotonic() < ends_at
            time.sleep(0.001)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_the_leader_waits_for_a_commit_that_hangs(serve: Serve) -> None:
    commit, outage, cases = HangingCommit(), Outage(), CASES[:4]
    units: list[GroupedCommits] = []

    def prepare(container: Container) -> None:
        path = container.settings().data_dir / "frontdesk.db"
        database = SqliteDatabase(path, on_statement=commit.at_statement, busy_timeout_seconds=10)
        container.database.override(providers.Object(database))
        units.append(container.unit_of_work())  # type: ignore[arg-type]  # of the embedded storage
        outage.prepare(container)
        container.receive_webhook.add_kwargs(new_deadline=lambda: Deadline.after(3))

    frontdesk = serve({"PUBLIC_BASE_URL": ORIGIN}, prepare=prepare)
    for case in cases:
        case.open_conversation(frontdesk.container)
    with ThreadPoolExecutor(len(cases)) as pool:
        with gathered(frontdesk, units[0], len(cases)):
            commit.begin()
            statuses = [pool.submit(post, frontdesk, case) for case in cases]
        assert commit.hangs.wait(10)
        wait_for(statuses, len(cases) - 1)
        # The three are not certain of the commit, which is not certain itself yet.
        assert frontdesk.container.spool().depth().entries == len(cases) - 1
        assert sum(not status.done() for status in statuses) == 1
        commit.end()
        assert [status.result() for status in statuses] == [200] * len(cases)

    assert frontdesk.counted("Duplicates") == 0
    outage.run_background_jobs(frontdesk.container, cases)
    assert frontdesk.counted("Duplicates") == len(cases) - 1
    inspector = Inspector(frontdesk.container, [])
    inspector.take_contexts()
    assert [one for case in cases for one in inspector.find(case).problems(at_most_once=True)] == []
    assert list(backlog_of(frontdesk.container)) == []


def post(frontdesk: RunningFrontDesk, case: Case) -> int:
    """The status of the answer to ``case``."""
    webhook = case.webhook(frontdesk.providers)
    url = frontdesk.url(webhook.url.removeprefix(ORIGIN))
    response = frontdesk.client.request("POST", url, body=webhook.body, headers=webhook.headers)
    return response.status


def wait_for(statuses: Sequence[Future[int]], number: int) -> None:
    """Wait until ``number`` of ``statuses`` are there."""
    ends_at = time.monotonic() + 15
    while sum(status.done() for status in statuses) < number:
        assert time.monotonic() < ends_at
        time.sleep(0.01)
