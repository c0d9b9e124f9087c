"""The process ends at its deadline and logs the work that it left unfinished."""

import json
import subprocess
import sys
import time

import pytest

from entrypoints.http.shutdown import Shutdown

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
