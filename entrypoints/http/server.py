"""Run the HTTP server: check everything first, say where it listens, end in good order."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType

import click
import uvicorn
from starlette.applications import Starlette
from typing_extensions import override

from domain.errors import WebhookHandlerError
from entrypoints.composition.container import Container, build_container
from entrypoints.http.app import WebhookEndpoint, create_app
from entrypoints.http.background_threads import Task, running
from entrypoints.http.limits.connection_limits import (
    ACCEPTED_AT_ONCE,
    ConnectionLimits,
    reserve_open_files,
)
from entrypoints.http.limits.connection_timeouts import TimeoutProtocol
from entrypoints.http.limits.loop_errors import LoopErrors
from entrypoints.http.limits.readiness import Readiness
from entrypoints.http.shutdown import GRACEFUL_SECONDS, Shutdown, exit_at_deadline
from entrypoints.operations.background_jobs import DailyPurge, drain_some, relay_some
from entrypoints.operations.checks import require_backends
from entrypoints.public_urls import PublicUrls, RequestOrigin
from infrastructure.configuration.log_format import configure_logging
from infrastructure.configuration.settings import Settings

DAY_SECONDS = 24 * 60 * 60.0

UNREAD_BYTES = 16 * 1024
"""What the system keeps for a client that does not read yet: many answers."""


class AddressInUseError(WebhookHandlerError):
    """The address cannot be listened on."""


def run(host: str, port: int, *, ephemeral: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight and return.

    Raises ``SettingsError``, ``UnfitBackendsError`` or ``AddressInUseError`` before anything is
    accepted.
    """
    container = build_container(os.environ, ephemeral=ephemeral)
    settings = container.settings()
    configure_logging(settings.log_level)
    try:
        container.provider_accounts()
        require_backends(container)
        check_ready(container)
        with listen(host, port) as listener:
            _say_where(settings, container.storage().place, listener)
            shutdown = Shutdown()
            exit_at_deadline(shutdown)
            with running(background_tasks(container), shutdown):
                _serve(container, listener, shutdown)
    finally:
        container.shutdown_resources()


def _say_where(settings: Settings, place: str, listener: socket.socket) -> None:
    """What the operator should know when the server is up; ``place`` is where its data is."""
    host, port = listener.getsockname()[:2]
    origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    click.echo(f"Frontdesk listens on {origin} and keeps its data in {place}")
    if not settings.has_real_secrets:
        click.echo(
            "Development secret in use: 'frontdesk send' is accepted, "
            "real providers are refused until their secrets are set."
        )


def _serve(container: Container, listener: socket.socket, shutdown: Shutdown) -> None:
    limits = reserve_open_files(container.settings().max_in_flight)
    app = create_app(webhook_endpoint(container, limits), Readiness(lambda: check_ready(container)))
    # uvicorn repeats the signal that ended it under the handler that was there before. This one
    # does nothing, so that an orderly end exits with status 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    GracefulServer(server_config(app, limits), shutdown).run(sockets=[listener])


class GracefulServer(uvicorn.Server):
    """Begins ``shutdown`` with the signal that ends it, and logs the errors of its event loop."""

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown) -> None:
        super().__init__(config)
        self._shutdown = shutdown

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        await super().startup(sockets)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._shutdown.begin()
        super().handle_exit(sig, frame)


def server_config(app: Starlette, limits: ConnectionLimits) -> uvicorn.Config:
    """How ``app`` is served: within limits, and without a word about the server's software."""
    return uvicorn.Config(
        app,
        http=TimeoutProtocol,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        limit_concurrency=limits.connections,
        backlog=limits.accepted_at_once,
    )


def background_tasks(container: Container) -> list[Task]:
    """Drain the spool, relay what stayed pending, and purge what is too old.

    Other processes may do the same. While an erasure rewrites the database, all wait for its
    end. Where a purge has its price, the operator starts it.
    """

    def patiently(work: Callable[[], bool]) -> Callable[[], bool]:
        def wait_and_work() -> bool:
            with container.patience()():
                return work()

        return wait_and_work

    tasks = [
        Task("spool", patiently(lambda: drain_some(container)), rest_seconds=1.0),
        Task("relay", patiently(lambda: relay_some(container)), rest_seconds=10.0),
    ]
    if container.storage().purges_beside_the_server:
        tasks.append(Task("purge", patiently(DailyPurge(container)), rest_seconds=DAY_SECONDS))
    return tasks


def webhook_endpoint(
    container: Container, limits: ConnectionLimits | None = None
) -> WebhookEndpoint:
    """The endpoint with what the container holds.

    It takes fewer requests at once than there may be connections: on the others it can answer
    503, and health checks.
    """
    settings = container.settings()
    return WebhookEndpoint(
        receive_webhook=container.receive_webhook(),
        public_urls=PublicUrls(settings.public_base_url, settings.webhook_urls),
        clock=container.clock(),
        request_origin=RequestOrigin(settings.trusted_proxies),
        max_body_bytes=settings.max_body_bytes,
        max_in_flight=settings.max_in_flight,
        max_requests=(limits or ConnectionLimits()).connections * 15 // 16,
    )


def check_ready(container: Container) -> None:
    """Ask the store and the queues one cheap question each; they raise if they cannot answer."""
    container.conversation_store().get_conversations("any")
    container.context_queue().depths()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host`` and ``port`` (0: any free one)."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=ACCEPTED_AT_ONCE)
    except OSError as error:
        raise AddressInUseError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another --port"
        ) from error
    # Connections inherit both options. Without this one the body of each answer waits 40 ms for
    # the client to acknowledge its headers; asyncio sets it only on sockets that it made itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The attack: a client that reads no answers. The system would hold megabytes of them.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
    return listener
