"""Background tasks of the server: rests, failures and shutdown."""

import logging
import threading
import time
from pathlib import Path

import pytest

from domain.erasure import Tombstone
from domain.messages import MessageState
from entrypoints.composition.container import build_container
from entrypoints.http import background_threads as background
from entrypoints.http.background_threads import Task, running
from entrypoints.http.server import background_tasks
from entrypoints.http.shutdown import Shutdown
from tests.builders import KEY, a_record, an_inbound_message

LONG = 60.0
SECONDS = 5.0
"""How long a test waits for something that should happen at once."""


class Work:
    """Returns or raises one outcome per call; then it reports no more work."""

    def __init__(self, *outcomes: bool | Exception) -> None:
        self.outcomes = list(outcomes)
        self.times = 0
        self.is_idle = threading.Event()

    def __call__(self) -> bool:
        self.times += 1
        if not self.outcomes:
            self.is_idle.set()
            return False
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_task_with_more_work_runs_again_without_rest() -> None:
    work = Work(*[True] * 20)
    with running([Task("work", work, rest_seconds=LONG)], Shutdown()):
        assert work.is_idle.wait(SECONDS)
    assert work.times == 21


def test_task_without_more_work_rests() -> None:
    work = Work(False)
    with running([Task("work", work, rest_seconds=LONG)], Shutdown()):
        assert not work.is_idle.wait(0.1)
    assert work.times == 1


def test_failed_task_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(LookupError("a bug"), ConnectionError("no answer"), True)
    with running([Task("relay", work, rest_seconds=0.001)], Shutdown()):
        assert work.is_idle.wait(SECONDS)
    failures = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.message for record in failures] == ["background task failed"] * 2
    assert [record.__dict__["error"] for record in failures] == ["LookupError", "ConnectionError"]
    assert {record.__dict__["task"] for record in failures} == {"relay"}


def test_failing_task_does_not_stop_another_task() -> None:
    healthy = Work(True)
    tasks = [
        Task("failing", Work(*[OSError("no answer")] * 9), rest_seconds=LONG),
        Task("healthy", healthy, rest_seconds=LONG),
    ]
    with running(tasks, Shutdown()):
        assert healthy.is_idle.wait(SECONDS)


def test_shutdown_starts_no_new_work_and_ends_a_rest_early() -> None:
    work = Work()
    started = time.monotonic()
    with running([Task("work", work, rest_seconds=LONG)], Shutdown()):
        assert work.is_idle.wait(SECONDS)
    assert time.monotonic() - started < SECONDS
    done = work.times
    time.sleep(0.05)
    assert work.times == done


def test_shutdown_lets_running_work_finish() -> None:
    begun, finished = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        time.sleep(0.1)
        finished.set()
        return True

    with running([Task("slow", work, rest_seconds=LONG)], Shutdown()):
        assert begun.wait(SECONDS)
    assert finished.is_set()


def test_shutdown_does_not_wait_for_work_beyond_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "TASK_SECONDS", 0.05)
    begun, may_end = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return may_end.wait(LONG)

    started = time.monotonic()
    with running([Task("endless", work, rest_seconds=LONG)], Shutdown()):
        assert begun.wait(SECONDS)
    assert time.monotonic() - started < SECONDS
    may_end.set()


def test_background_tasks_end_when_the_server_fails() -> None:
    work = Work()

    def serve() -> None:
        with running([Task("work", work, rest_seconds=0.001)], Shutdown()):
            assert work.is_idle.wait(SECONDS)
            raise OSError("address in use")

    with pytest.raises(OSError, match="address in use"):
        serve()
    done = work.times
    time.sleep(0.05)
    assert work.times == done


def test_purge_task_of_the_server_erases_expired_messages(tmp_path: Path) -> None:
    container = build_container({"DATA_DIR": str(tmp_path), "MESSAGE_RETENTION_DAYS": "30"})
    old = a_record(an_inbound_message(), state=MessageState.QUEUED)
    container.message_store().record(old)
    assert len(container.message_store().history(KEY)) == 1

    (purge,) = [task for task in background_tasks(container) if task.name == "purge"]
    assert purge.work() is False

    assert container.message_store().history(KEY) == ()
    assert isinstance(container.message_store().record(old), Tombstone)
    container.shutdown_resources()
