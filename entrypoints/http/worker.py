"""One of several processes of a server: ``python -m entrypoints.http.worker``.

Its arguments are the open socket to listen on, the reading end of a pipe that its parent holds
open, the memory in which all workers count, when that began in microseconds since 1970, its
number, and how many workers there are.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Thread

from domain.errors import WebhookHandlerError
from entrypoints.composition.backends import SharedMetrics
from entrypoints.composition.container import build_container, count_for_prometheus
from entrypoints.http.limits.share import Share
from entrypoints.http.server import serve
from entrypoints.operations.start_checks import StartChecks
from infrastructure.configuration.log_format import configure_logging

logger = logging.getLogger(__name__)


def main(listener: int, parent: int, shared: SharedMetrics, workers: int) -> int:
    """Serve until SIGTERM, or until the parent has ended; return the exit status."""
    container = build_container(os.environ)
    count_for_prometheus(container, shared)
    configure_logging(container.settings().log_level)
    Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()
    try:
        start_checks = StartChecks(container)
        start_checks.begin()
        with socket.socket(fileno=listener) as listening:
            serve(container, start_checks, listening, Share(shared.number, workers))
    except WebhookHandlerError as error:
        logger.error("worker cannot start", extra={"reason": str(error)})  # noqa: TRY400 - the reason says it
        return 1
    finally:
        container.shutdown_resources()
    return 0


def _end_after(parent: int) -> None:
    """End this process in good order once its parent has ended, however that was."""
    os.read(parent, 1)  # nothing is ever written: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)


def _run(arguments: Sequence[str]) -> int:
    listener, parent, metrics, started_at, number, workers = map(int, arguments)
    began_at = datetime.fromtimestamp(started_at / 1_000_000, UTC)
    return main(listener, parent, SharedMetrics(metrics, number, began_at), workers)


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
