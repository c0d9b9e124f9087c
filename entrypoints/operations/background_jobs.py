"""The work beside webhooks: the server, a command and Lambda drain, relay and purge."""

from collections.abc import Callable

from application.recovery.drain_spool import DrainOutcome
from application.recovery.relay_outbox import RelayOutcome
from entrypoints.composition.container import Container

SPOOL_BATCH = 10
RELAY_BATCH = 100
PURGE_SECONDS = 60.0


def drain_some(container: Container) -> bool:
    """Drain a few entries of the spool; whether one was processed, so that more may follow."""
    outcomes = container.operations().drain_spool()(SPOOL_BATCH).values()
    return any(outcome is not DrainOutcome.RELEASED for outcome in outcomes)


def relay_some(container: Container, has_time: Callable[[], bool] = lambda: True) -> bool:
    """Relay a batch of pending messages; whether it was full of what could be relayed."""
    outcomes = container.operations().relay_outbox()(RELAY_BATCH, has_time).values()
    return list(outcomes).count(RelayOutcome.RELAYED) == RELAY_BATCH


class DailyPurge:
    """Removes what is too old, for a minute at a time, and goes on where it stopped."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._resume_after: str | None = None

    def __call__(self) -> bool:
        """Purge for a while; whether there is more to look at."""
        report = self._container.operations().purge_expired()(
            self._container.clock()(), budget_seconds=PURGE_SECONDS, resume_after=self._resume_after
        )
        self._resume_after = None if report.complete else report.resume_after
        return not report.complete
