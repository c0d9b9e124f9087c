"""Processes of a front desk, forked ready to work, that serve or work on what others left."""

import gc
import http.client
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import uvicorn
from dependency_injector import providers

from application.clock import utc_now
from domain import outbox
from domain.errors import (
    FallbackNotSentError,
    QueueRoutingError,
    StorageUnavailableError,
    TemporaryError,
)
from domain.outbox import MAX_ATTEMPTS
from entrypoints.composition.container import Container
from entrypoints.http.app import create_app
from entrypoints.http.server import listen, webhook_endpoint
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.log_format import configure_logging
from tests.faults.crash_backends import CrashBackend
from tests.faults.crash_points import Death, Points
from tests.faults.crash_webhooks import Case, backlog_of, has_backlog, operate
from tests.faults.watched_ports import watch_ports

BACKGROUND_SECONDS = 10.0
"""Real time for what was left behind: only an emulator's queue needs any."""

_FAILURES = {"queue": QueueRoutingError, "sender": FallbackNotSentError}

ROUND = timedelta(minutes=6)
"""Longer than any delay of the spool; leases grow longer, and need a few of them."""


@dataclass
class MovableClock:
    """What time it is, and a little later."""

    ahead: timedelta

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class _Desk(NamedTuple):
    container: Container
    clock: MovableClock
    points: Points


@dataclass(frozen=True)
class CrashProcess:
    """One process, that begins ``minutes`` late.

    To it ``failing`` roles are down until it has worked on leftovers once; with ``has_bug`` they
    fail in a way that nobody foresaw. Of ``container`` nothing may be in use before. ``folder``
    is for the run's own files. Lives of one run have different ``minutes``.
    """

    backend: CrashBackend
    container: Container
    folder: Path
    minutes: int
    death: Death = None
    failing: Collection[str] = field(default=())
    has_bug: bool = False
    most_attempts: int = MAX_ATTEMPTS

    @property
    def points(self) -> list[str]:
        """The points that it came to, in order."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def died(self) -> bool:
        """Whether it came to the point of its death."""
        points = self.points
        return bool(points) and self.death in (points[-1], len(points))

    @property
    def _log(self) -> Path:
        return self.folder / f"points-{self.minutes}"

    def serve(self, webhooks: Sequence[SimulatedRequest]) -> list[int | None]:
        """The statuses that ``webhooks`` get when they are posted all at once, as far as any."""
        with closing(listen("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            process = _fork(lambda: self._serve(listener))
        try:
            return _post_all(port, webhooks)
        finally:
            # Every life ends like this: what was promised by then must hold.
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)

    def run_background_jobs(self, cases: Sequence[Case]) -> bool:
        """Work off, relay and operate until nothing of ``cases`` is left; if it comes to that."""
        _, status = os.waitpid(_fork(lambda: self._run_background_jobs(cases)), 0)
        return status == 0

    def _serve(self, listener: socket.socket) -> None:
        frontdesk = self._frontdesk()
        app = frontdesk.points.around_responses(
            create_app(webhook_endpoint(frontdesk.container), lambda: None)
        )
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])

    def _run_background_jobs(self, cases: Sequence[Case]) -> None:
        container, clock, _ = self._frontdesk()
        ends_at = time.monotonic() + BACKGROUND_SECONDS
        while True:
            for work in (drain_some, relay_some, lambda container: operate(container, cases)):
                # The tasks of a server go on after an error, too.
                with suppress(TemporaryError, ZeroDivisionError):
                    while work(container):
                        pass
            clock.ahead += ROUND
            if not has_backlog(container, cases):
                break
            if time.monotonic() > ends_at:
                raise TimeoutError(list(backlog_of(container)))

    def _frontdesk(self) -> _Desk:
        configure_logging("INFO", (self.folder / "log").open("a"))
        outbox.MAX_ATTEMPTS = self.most_attempts
        points = Points(self._log, self.death)
        clock = MovableClock(timedelta(minutes=self.minutes))
        container = self.container
        container.clock.override(providers.Object(clock))
        self.backend.watch(container, points)
        watch_ports(container, self._around(points, clock))
        container.provider_accounts()
        return _Desk(container, clock, points)

    def _around(
        self, points: Points, clock: MovableClock
    ) -> Callable[[str], AbstractContextManager[None]]:
        healed_after = clock.ahead

        @contextmanager
        def around(name: str) -> Iterator[None]:
            role = name.partition(".")[0]
            if role in self.failing and clock.ahead == healed_after:
                raise self._failure(role)
            with points.around(name):
                yield

        return around

    def _failure(self, role: str) -> Exception:
        if self.has_bug:
            return ZeroDivisionError("a bug")
        return _FAILURES.get(role, StorageUnavailableError)("down")


def _fork(work: Callable[[], None]) -> int:
    """The id of a new process that does ``work`` and nothing else."""
    process = os.fork()
    if process:
        return process
    status = 1
    gc.disable()
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _post_all(port: int, webhooks: Sequence[SimulatedRequest]) -> list[int | None]:
    """Post on connections of their own before any answer is read: without threads."""
    connections = [_posted(port, webhook) for webhook in webhooks]
    return [_status(connection) for connection in connections]


def _posted(port: int, webhook: SimulatedRequest) -> http.client.HTTPConnection | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", urlsplit(webhook.url).path, webhook.body, webhook.headers)
    except ConnectionError:
        connection.close()
        return None
    return connection


def _status(connection: http.client.HTTPConnection | None) -> int | None:
    if connection is None:
        return None
    with closing(connection):
        try:
            response = connection.getresponse()
            response.read()
        except (ConnectionError, http.client.HTTPException):
            return None
        return response.status
