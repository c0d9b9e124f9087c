"""Forked processes of a front desk, which serve webhooks or run background jobs."""

import gc
import http.client
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import uvicorn
from dependency_injector import providers

from application.clock import utc_now
from application.recovery import relay_outbox
from domain.errors import (
    FallbackNotSentError,
    QueueRoutingError,
    StorageUnavailableError,
    TemporaryError,
)
from domain.messages import MAX_ATTEMPTS
from entrypoints.composition.container import Container
from entrypoints.http.app import create_app
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.server import listen, server_config, webhook_endpoint
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.log_format import configure_logging
from tests.changed_units import use_separate_steps
from tests.faults.crash_backends import CrashBackend
from tests.faults.crash_groups import watch_groups
from tests.faults.crash_operator import has_backlog, operate
from tests.faults.crash_points import Death, Points
from tests.faults.crash_webhooks import Case, backlog_of
from tests.faults.watched_ports import watch_ports

BACKGROUND_SECONDS = 10.0
"""The longest real time for background jobs; only an emulator's queue needs it."""

DEATH_SECONDS = 10.0
"""How long a server may take from its last response to a point of death behind it."""

_FAILURES: Mapping[str, type[Exception]] = {
    "queue": QueueRoutingError,
    "sender": FallbackNotSentError,
}

ROUND = timedelta(minutes=6)
"""Longer than any delay of the spool; the longest leases need several rounds."""


@dataclass
class MovableClock:
    """The current time plus ``ahead``."""

    ahead: timedelta

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class _Desk(NamedTuple):
    container: Container
    clock: MovableClock
    points: Points


@dataclass(frozen=True)
class CrashProcess:
    """One process, whose clock is ``minutes`` ahead.

    Its ``failing`` roles are down during its first round of background jobs; with ``has_bug``
    they raise an unexpected error. The second call of ``second_fails`` fails as well. With
    ``together``, webhooks that are served at once are one group. No part of ``container`` may be
    in use before. ``folder`` is for the files of the run. Processes of one run have different
    ``minutes``.
    """

    backend: CrashBackend
    container: Container
    folder: Path
    minutes: int
    death: Death = None
    failing: Collection[str] = field(default=())
    has_bug: bool = False
    most_attempts: int = MAX_ATTEMPTS
    second_fails: str | None = None
    together: bool = False
    is_atomic: bool = True

    @property
    def points(self) -> list[str]:
        """The crash points that the process reached, in order."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def died(self) -> bool:
        """Whether the process reached the point of its death."""
        points = self.points
        return bool(points) and self.death in (points[-1], len(points))

    @property
    def _log(self) -> Path:
        return self.folder / f"points-{self.minutes}"

    def serve(self, webhooks: Sequence[SimulatedRequest]) -> list[int | None]:
        """Post all ``webhooks`` at once; return their statuses, ``None`` without a response."""
        with closing(listen("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            process = _fork(lambda: self._serve(listener, len(webhooks)))
        try:
            return _post_all(port, webhooks)
        finally:
            self._wait_for_death()
            # Every process is killed: what it acknowledged by then must be durable.
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)

    def run_background_jobs(self, cases: Sequence[Case]) -> bool:
        """Drain, relay and operate until ``cases`` have no backlog; whether that was reached."""
        _, status = os.waitpid(_fork(lambda: self._run_background_jobs(cases)), 0)
        return status == 0

    def _wait_for_death(self) -> None:
        """Do not kill a process before it reaches its named point, which may follow a response.

        A numbered point may be one that the process never reaches.
        """
        ends_at = time.monotonic() + DEATH_SECONDS
        while isinstance(self.death, str) and not self.died and time.monotonic() < ends_at:
            time.sleep(0.001)

    def _serve(self, listener: socket.socket, webhooks: int) -> None:
        frontdesk = self._frontdesk(group_size=webhooks if self.together else 1)
        endpoint = webhook_endpoint(frontdesk.container)
        app = create_app(endpoint.receive_webhook, lambda: None)
        with frontdesk.points.around_responses():
            config = server_config(app, endpoint.open, ConnectionLimits())
            uvicorn.Server(config).run(sockets=[listener])

    def _run_background_jobs(self, cases: Sequence[Case]) -> None:
        container, clock, _ = self._frontdesk(group_size=1)
        ends_at = time.monotonic() + BACKGROUND_SECONDS
        while True:
            for work in (drain_some, relay_some, lambda container: operate(container, cases)):
                # The tasks of a server continue after an error, too.
                with suppress(TemporaryError, ZeroDivisionError):
                    while work(container):
                        pass
            clock.ahead += ROUND
            if not has_backlog(container, cases):
                break
            if time.monotonic() > ends_at:
                raise TimeoutError(list(backlog_of(container)))

    def _frontdesk(self, *, group_size: int) -> _Desk:
        configure_logging("INFO", (self.folder / "log").open("a"))
        vars(relay_outbox)["MAX_ATTEMPTS"] = self.most_attempts
        points = Points(self._log, self.death)
        clock = MovableClock(timedelta(minutes=self.minutes))
        container = self.container
        container.clock.override(providers.Object(clock))
        if not self.is_atomic:
            use_separate_steps(container)
        self.backend.watch(container, points)
        watch_ports(container, self._around(points, clock))
        watch_groups(container, points, group_size)
        container.provider_accounts()
        return _Desk(container, clock, points)

    def _around(
        self, points: Points, clock: MovableClock
    ) -> Callable[[str], AbstractContextManager[None]]:
        healed_after = clock.ahead
        calls = count(1)

        @contextmanager
        def around(name: str) -> Iterator[None]:
            role = name.partition(".")[0]
            if role in self.failing and clock.ahead == healed_after:
                raise self._failure(role)
            if name == self.second_fails and next(calls) == 2:
                raise self._failure(role)
            with points.around(name):
                yield

        return around

    def _failure(self, role: str) -> Exception:
        if self.has_bug:
            return ZeroDivisionError("a bug")
        return _FAILURES.get(role, StorageUnavailableError)("down")


def _fork(work: Callable[[], None]) -> int:
    """Fork a process that does only ``work``; return its id."""
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
    """Post on one connection each before any response is read, without threads."""
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
