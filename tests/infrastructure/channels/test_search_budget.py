"""A search that nobody waits for ends early, and lets others go first."""

from types import SimpleNamespace

import pytest

from infrastructure.channels import search_budget
from infrastructure.channels.search_budget import REST_SECONDS, WORK_SECONDS, Budget

STEP_SECONDS = WORK_SECONDS / 10


class Thread:
    """The CPU seconds of a thread, and how long it has slept."""

    def __init__(self) -> None:
        self.worked = 5.0
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Thread:
    thread = Thread()
    paused = SimpleNamespace(thread_time=lambda: thread.worked, sleep=thread.sleep)
    monkeypatch.setattr(search_budget, "time", paused)
    return thread


def steps(thread: Thread, budget: Budget, size_bytes: int = 1) -> int:
    """How many steps the budget allows."""
    number = 0
    while budget(size_bytes):
        thread.worked += STEP_SECONDS
        number += 1
    return number


def test_seconds_of_cpu_are_bounded_and_most_of_the_time_is_left_to_others(thread: Thread) -> None:
    assert steps(thread, Budget(100 * WORK_SECONDS, 10**9)) == pytest.approx(1_000, abs=2)
    assert thread.slept == pytest.approx(100 * REST_SECONDS, rel=0.15)


def test_bytes_are_bounded(thread: Thread) -> None:
    assert steps(thread, Budget(10.0, 1_000), size_bytes=100) == 10
