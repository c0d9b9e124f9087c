"""What was left behind, as the server, a command and Lambda work on it."""

from application.work_off_spool import WorkedOff
from entrypoints.container import Container

SPOOL_BATCH = 10
RELAY_BATCH = 100


def work_off_some(container: Container) -> bool:
    """Work on a few spooled requests; whether that got on, so that more may follow."""
    outcomes = container.work_off_spool()(SPOOL_BATCH)
    return any(outcome is not WorkedOff.PUT_BACK for outcome in outcomes)


def relay_some(container: Container) -> bool:
    """Relay a batch of pending messages; whether it was full of what could be relayed."""
    return container.relay_pending()(RELAY_BATCH).relayed == RELAY_BATCH
