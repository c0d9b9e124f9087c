"""``serve --workers 2``: processes that die, are killed, or are ended lose no webhook."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from dependency_injector import providers

from application.clock import utc_now
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import TWIML
from tests.faults.crash_webhooks import ORIGIN, Case, Inspector, Kind, backlog_of
from tests.faults.posting import post_all
from tests.infrastructure.prometheus.pages import Samples
from tests.processes import SERVE, Server, environment, killed_server

WORKERS = (*SERVE, "--workers", "2")
CASES = tuple(Case(Kind.HAND_OFF, number) for number in range(60))
WAIT_SECONDS = 30.0


@dataclass
class Desk:
    """A server of two workers, and what looks into its data."""

    server: Server
    container: Container

    @property
    def providers(self) -> Providers:
        return Providers.of(keep_development_credentials(self.container.settings().data_dir))

    @property
    def workers(self) -> set[int]:
        """The ids of the processes that run."""
        parent = self.server.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii")
        return {int(one) for one in children.split()}

    def post(self, *cases: Case) -> list[tuple[int, bytes]]:
        webhooks = [(self.server.origin, case.webhook(self.providers)) for case in cases]
        return post_all(webhooks, len(webhooks))

    def recorded(self) -> float:
        """How many messages any of the workers says that all have recorded."""
        token = keep_local_token(self.container.settings().data_dir)
        headers = {"authorization": f"Bearer {token}", "connection": "close"}
        response = urllib3.request("GET", f"{self.server.origin}/metrics", headers=headers)
        assert response.status == 200
        received = Samples(response.data.decode()).named("webhooks_received_total")
        return sum(number for (_, outcome), number in received.items() if outcome == "recorded")

    def run_background_jobs_later(self) -> None:
        """Do what a server does when the leases of a dead worker are over."""
        self.container.clock.override(providers.Object(lambda: utc_now() + timedelta(hours=1)))
        eventually(lambda: not (drain_some(self.container) or relay_some(self.container)))

    def problems(self, *cases: Case) -> list[str]:
        inspector = Inspector(self.container, [])
        inspector.take_contexts()
        found = [inspector.find(case).problems(at_most_once=True) for case in cases]
        return [*backlog_of(self.container), *(one for some in found for one in some)]


@contextmanager
def two_workers(data_dir: Path) -> Iterator[Desk]:
    """A server of two workers, both of which have begun to serve."""
    environ = environment(data_dir, PUBLIC_BASE_URL=ORIGIN)
    container = build_container(environ)
    for case in CASES:
        case.open_conversation(container)
    with killed_server(environ, WORKERS) as server:
        desk = Desk(server, container)
        eventually(lambda: len(desk.workers) == 2 and all(map(serves, desk.workers)))
        yield desk
    container.shutdown_resources()


def serves(process_id: int) -> bool:
    """Whether this process handles SIGTERM, as a server does from its start."""
    with suppress(OSError):
        status = Path(f"/proc/{process_id}/status").read_text("ascii")
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def eventually(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < ends_at, "it did not come in time"
        time.sleep(0.02)


def post_until_acknowledged(desk: Desk, case: Case) -> None:
    """Post ``case`` again and again, as a provider does."""
    url = desk.server.origin + urlsplit(case.webhook(desk.providers).url).path
    webhook = case.webhook(desk.providers)
    ends_at = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends_at:
        with suppress(urllib3.exceptions.HTTPError):
            response = urllib3.request(
                "POST", url, body=webhook.body, headers=webhook.headers, retries=False, timeout=10
            )
            if response.status == 200:
                return
    pytest.fail("it was never acknowledged")


def test_worker_killed_under_load_loses_nothing_and_is_started_again(tmp_path: Path) -> None:
    with two_workers(tmp_path) as desk:
        first = min(desk.workers)
        with ThreadPoolExecutor(16) as pool:
            posts = [pool.submit(post_until_acknowledged, desk, case) for case in CASES]
            eventually(lambda: any(post.done() for post in posts))
            os.kill(first, signal.SIGKILL)
            for post in posts:
                post.result()
        eventually(lambda: len(desk.workers - {first}) == 2)
        desk.run_background_jobs_later()
        assert desk.problems(*CASES) == []


def test_workers_finish_webhooks_in_flight_and_end_with_status_0(tmp_path: Path) -> None:
    cases = CASES[:8]
    with (
        two_workers(tmp_path) as desk,
        ThreadPoolExecutor() as pool,
        closing(sqlite3.connect(tmp_path / "frontdesk.db", isolation_level=None)) as database,
    ):
        database.execute("BEGIN IMMEDIATE")
        responses = pool.submit(desk.post, *cases)
        time.sleep(0.5)  # their wait for the database cannot be observed from outside
        desk.server.terminate()
        time.sleep(0.5)
        assert not responses.done()
        database.execute("ROLLBACK")

        assert set(responses.result()) == {TWIML[::2]}
        assert desk.server.wait() == 0
        assert desk.problems(*cases) == []


def test_any_worker_tells_what_all_have_counted_the_killed_ones_too(tmp_path: Path) -> None:
    with two_workers(tmp_path) as desk:
        assert {status for status, _ in desk.post(*CASES[:20])} == {200}
        assert {desk.recorded() for _ in range(8)} == {20}
        before = desk.workers
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(desk.workers - before) == 2 and all(map(serves, desk.workers)))
        assert {status for status, _ in desk.post(*CASES[20:30])} == {200}
        assert {desk.recorded() for _ in range(8)} == {30}


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with two_workers(tmp_path) as desk:
        workers = desk.workers
        desk.server.process.kill()
        eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_copies_sent_to_two_workers_become_one_message(tmp_path: Path) -> None:
    case = CASES[0]
    with two_workers(tmp_path) as desk:
        assert set(desk.post(*[case] * 32)) == {TWIML[::2]}
        assert desk.problems(case) == []
