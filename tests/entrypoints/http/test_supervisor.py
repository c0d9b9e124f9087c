"""Workers that die are started again, with growing pauses."""

import errno
import subprocess
import time

import pytest

from entrypoints.http import supervisor
from entrypoints.http.supervisor import Worker


class Starts:
    """Starts processes that end at once, and counts them."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.count = 0

    def __call__(self) -> "subprocess.Popen[bytes]":
        self.count += 1
        return subprocess.Popen(["sh", "-c", self.command])


def keep_alive(worker: Worker, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        worker.keep_alive()
        time.sleep(0.005)


def test_worker_that_always_dies_is_started_seldom(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS", 0.1)
    starts = Starts("exit 3")
    worker = Worker(starts)
    keep_alive(worker, 1.0)
    worker.wait(10)
    assert 2 <= starts.count <= 4
    assert {record.__dict__["status"] for record in caplog.records} == {3}


def test_worker_that_was_steady_is_started_again_after_the_short_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS", 0.5)  # pauses that grow take 7 s
    monkeypatch.setattr(supervisor, "STEADY_SECONDS", 0.0)
    starts = Starts("exit 0")
    worker, ends_at = Worker(starts), time.monotonic() + 6
    while starts.count < 5 and time.monotonic() < ends_at:
        keep_alive(worker, 0.01)
    assert starts.count == 5
    worker.wait(10)


def test_worker_that_does_not_end_is_killed() -> None:
    worker = Worker(Starts("exec sleep 60"))
    worker.keep_alive()
    assert not worker.wait(0.1)


@pytest.mark.parametrize(("command", "is_orderly"), [("exit 0", True), ("exit 1", False)])
def test_status_of_a_worker_tells_whether_its_end_was_orderly(
    command: str, is_orderly: bool
) -> None:
    worker = Worker(Starts(command))
    worker.keep_alive()
    assert worker.wait(10) is is_orderly


def test_worker_that_cannot_be_started_is_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS", 0.05)
    starts = Starts("exec sleep 60")
    failures = [BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")]

    def start() -> "subprocess.Popen[bytes]":
        if failures:
            raise failures.pop()
        return starts()

    worker = Worker(start)
    keep_alive(worker, 0.5)
    assert starts.count == 1
    assert caplog.messages == ["worker cannot be started"]
    worker.wait(0)
