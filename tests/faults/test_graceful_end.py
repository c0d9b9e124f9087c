"""A server that receives SIGTERM finishes its work, and reports that by its exit status."""

import fcntl
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from entrypoints.composition.container import build_container
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import TWIML, UNAVAILABLE
from tests.faults.crash_webhooks import ORIGIN, Case, Inspector, Kind, backlog_of
from tests.faults.posting import post_all
from tests.processes import END_SECONDS, SERVE, Server, environment, killed_server

CASES = tuple(Case(Kind.HAND_OFF, number) for number in range(8))


def wait_until_closed(server: Server) -> None:
    """Wait until the server accepts no connection: it has received the signal."""
    address = urlsplit(server.origin)
    assert address.port is not None
    with pytest.raises(ConnectionError):  # noqa: PT012 - how often is open
        while True:
            socket.create_connection(("127.0.0.1", address.port)).close()
            time.sleep(0.01)


def test_webhooks_receive_503_while_the_store_and_the_spool_are_locked(
    tmp_path: Path,
) -> None:
    environ = environment(tmp_path, PUBLIC_BASE_URL=ORIGIN)
    providers = Providers.of(keep_development_credentials(tmp_path))
    with (
        killed_server(environ) as server,
        closing(sqlite3.connect(tmp_path / "frontdesk.db", isolation_level=None)) as database,
        (tmp_path / "spool" / ".lock").open("ab") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        database.execute("BEGIN IMMEDIATE")
        webhooks = [(server.origin, case.webhook(providers)) for case in CASES]
        assert set(post_all(webhooks, len(webhooks))) == {UNAVAILABLE[::2]}
        server.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_signal_right_after_the_first_line_ends_a_server_in_good_order(
    tmp_path: Path, workers: str
) -> None:
    with killed_server(environment(tmp_path), (*SERVE, "--workers", workers)) as server:
        server.terminate()
        assert server.wait() == 0


HANGING = """
import threading
from application.receiving.process_webhook import ProcessWebhook
from entrypoints.http import server, shutdown

shutdown.END_SECONDS = 1.0
ProcessWebhook.__call__ = lambda *_: threading.Event().wait()
server.run("127.0.0.1", 0)
"""


def test_shutdown_does_not_wait_for_work_that_never_ends(tmp_path: Path) -> None:
    environ = environment(tmp_path, PUBLIC_BASE_URL=ORIGIN)
    providers = Providers.of(keep_development_credentials(tmp_path))
    with (
        killed_server(environ, (sys.executable, "-c", HANGING)) as server,
        ThreadPoolExecutor() as pool,
    ):
        response = pool.submit(post_all, [(server.origin, CASES[0].webhook(providers))], 1)
        time.sleep(0.5)  # its processing cannot be observed from outside
        server.terminate()
        assert server.wait() == 1
        with pytest.raises(urllib3.exceptions.HTTPError):
            response.result()


def test_webhooks_in_flight_at_shutdown_are_acknowledged_and_recorded(tmp_path: Path) -> None:
    environ = environment(tmp_path, PUBLIC_BASE_URL=ORIGIN)
    container = build_container(environ)
    for case in CASES:
        case.open_conversation(container)
    providers = Providers.of(keep_development_credentials(tmp_path))
    with (
        killed_server(environ) as server,
        ThreadPoolExecutor() as pool,
        closing(sqlite3.connect(tmp_path / "frontdesk.db", isolation_level=None)) as database,
    ):
        database.execute("BEGIN IMMEDIATE")
        webhooks = [(server.origin, case.webhook(providers)) for case in CASES]
        responses = pool.submit(post_all, webhooks, len(webhooks))
        time.sleep(0.5)  # their wait for the database cannot be observed from outside
        server.terminate()
        wait_until_closed(server)
        assert not responses.done()
        database.execute("ROLLBACK")

        assert set(responses.result()) == {TWIML[::2]}
        assert server.wait() == 0

    inspector = Inspector(container, [])
    inspector.take_contexts()
    found = [inspector.find(case).problems(at_most_once=True) for case in CASES]
    assert [one for some in found for one in some] == []
    assert list(backlog_of(container)) == []
    container.shutdown_resources()


TOLD_AT_THE_LAST_MOMENT = """
import signal
from entrypoints.http import server
server._collect_garbage_seldom = lambda: signal.raise_signal(signal.SIGTERM)
server.run("127.0.0.1", 0)
"""


def test_server_that_is_told_to_end_just_before_it_serves_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TOLD_AT_THE_LAST_MOMENT]
    done = subprocess.run(command, env=environment(tmp_path), timeout=END_SECONDS, check=False)
    assert done.returncode == 0
