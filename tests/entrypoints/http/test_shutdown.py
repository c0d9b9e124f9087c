"""The process ends at its deadline and logs the work that it left unfinished."""

import json
import subprocess
import sys
import threading
import time

import pytest

from entrypoints.http.app import create_app
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.server import GracefulServer, listen, server_config
from entrypoints.http.shutdown import Shutdown
from tests.application.frontdesk import FrontDesk
from tests.entrypoints.http.served import LIMIT, Served

SCRIPT = """
import sys, threading, time
from entrypoints.http import shutdown
from infrastructure.configuration.log_format import configure_logging

configure_logging("INFO")
shutdown.END_SECONDS = 0.5
end = shutdown.Shutdown()
shutdown.exit_at_deadline(end)
if "work" in sys.argv:
    threading.Thread(target=threading.Event().wait, name="webhook").start()
if "log" in sys.argv:
    shutdown.logger.error = lambda *_, **__: time.sleep(60)
end.begin()
"""


def run(*hanging: str) -> tuple[int, str, float]:
    """The exit status, log and duration of a process in which ``hanging`` parts hang."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *hanging],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stderr, time.monotonic() - started


def test_shutdown_leaves_a_hanging_thread_and_logs_its_name() -> None:
    status, log, _ = run("work")
    assert status == 1
    line = json.loads(log)
    assert (line["message"], line["task"]) == ("server ends before its work does", "webhook")


def test_shutdown_ends_in_time_while_the_log_hangs() -> None:
    status, log, seconds = run("work", "log")
    assert (status, log) == (1, "")
    assert seconds < 10


def test_shutdown_without_hanging_work_exits_with_status_0() -> None:
    status, log, _ = run()
    assert (status, log) == (0, "")


def test_shutdown_deadline_counts_from_the_first_request_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    shutdown = Shutdown()
    shutdown.begin()
    now = 104.0
    shutdown.begin()
    assert shutdown.seconds_left(10.0) == 6.0
    now = 200.0
    assert shutdown.seconds_left(10.0) == 0


def test_signal_that_comes_before_the_server_has_started_ends_it() -> None:
    frontdesk, shutdown = FrontDesk(), Shutdown()
    shutdown.begin()
    endpoint = Served(frontdesk, 0, LIMIT).endpoint
    app = create_app(frontdesk.receive_webhook, lambda: None)
    server = GracefulServer(server_config(app, endpoint.open, ConnectionLimits()), shutdown)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        thread.join(10)
        has_ended, server.should_exit = not thread.is_alive(), True
        thread.join(10)
    assert has_ended
