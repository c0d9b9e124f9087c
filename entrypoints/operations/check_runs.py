"""Runs of the checks, for several who want to see what they find."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Event, Lock, Thread

from application.clock import Clock
from application.ports.checks import CheckResult, CheckStatus

logger = logging.getLogger(__name__)


class CheckRun:
    """One run of all checks, which may go on. ``ended_at`` is ``None`` until it is over."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.ended_at: datetime | None = None
        self._results: list[CheckResult] = []
        self._over = Event()

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """What was found by now."""
        return tuple(self._results)

    def wait(self, seconds: float) -> None:
        """Wait until it is over, for so long at most."""
        self._over.wait(seconds)

    def work(self, run: Callable[[], Iterable[CheckResult]], clock: Clock) -> None:
        """Do it. Never raises."""
        try:
            for result in run():
                self._results.append(result)
        except Exception as error:
            # A check that is not finished must not look like one that found nothing.
            logger.exception("checks ended early")
            text = f"the other checks were not made: {type(error).__name__}, the log has more"
            self._results.append(CheckResult("checks", CheckStatus.ERROR, text))
        self.ended_at = clock()
        self._over.set()


class CheckRuns:
    """Runs checks on a thread of its own, one run at a time in this process.

    Of many who ask at once, all see one run.
    """

    def __init__(self, run: Callable[[], Iterable[CheckResult]], clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._latest: CheckRun | None = None

    def started_after(self, moment: datetime) -> CheckRun:
        """A run that goes on, or the latest one if it began after ``moment``; else a new one."""
        with self._lock:
            latest = self._latest
            if latest is None or (latest.ended_at and latest.started_at <= moment):
                latest = self._latest = CheckRun(self._clock())
                arguments = (self._run, self._clock)
                Thread(target=latest.work, args=arguments, name="checks", daemon=True).start()
            return latest
