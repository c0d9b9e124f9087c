"""How much a search may compute that nobody waits for."""

import time

WORK_SECONDS = 0.001
REST_SECONDS = 0.004
"""A thread that computes holds up all others: after each millisecond they have four."""


class Budget:
    """Asked before each step whether one more may follow; now and then it waits for others.

    ``cpu_seconds`` are those of the thread that asks first, from then on.
    """

    def __init__(self, cpu_seconds: float, most_bytes: int) -> None:
        self._cpu_seconds = cpu_seconds
        self._most_bytes = most_bytes
        self._ends_at: float | None = None
        self._rests_at = 0.0

    def __call__(self, size_bytes: int) -> bool:
        """Whether a step of so many bytes is within the budget."""
        now = time.thread_time()
        if self._ends_at is None:
            self._ends_at, self._rests_at = now + self._cpu_seconds, now + WORK_SECONDS
        self._most_bytes -= size_bytes
        if self._most_bytes < 0 or now >= self._ends_at:
            return False
        if now >= self._rests_at:
            time.sleep(REST_SECONDS)
            self._rests_at = now + WORK_SECONDS
        return True
