"""Run the HTTP server: check everything first, say where it listens, end in good order."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import cast

import click
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from application.receiving.receive_webhook import Process
from domain.errors import WebhookHandlerError
from entrypoints.composition.container import Container, build_container, count_for_prometheus
from entrypoints.http.app import create_app
from entrypoints.http.background_threads import Task, running
from entrypoints.http.console.start import offer_sign_in, prepare_access
from entrypoints.http.limits.connection_limits import (
    ACCEPTED_AT_ONCE,
    ConnectionLimits,
    reserve_open_files,
)
from entrypoints.http.limits.connection_timeouts import ConnectionWatch
from entrypoints.http.limits.freed_memory import give_back_large_blocks
from entrypoints.http.limits.loop_errors import LoopErrors
from entrypoints.http.limits.readiness import Readiness
from entrypoints.http.limits.share import THE_WHOLE, Share
from entrypoints.http.mount import guarded_routes
from entrypoints.http.shutdown import GRACEFUL_SECONDS, Shutdown, exit_at_deadline
from entrypoints.http.supervisor import Supervisor
from entrypoints.http.webhooks.endpoint import WebhookEndpoint
from entrypoints.http.webhooks.protocol import OpenWebhook, WebhookProtocol
from entrypoints.http.webhooks.request_reader import RequestReader
from entrypoints.operations.background_jobs import DailyPurge, drain_some, relay_some
from entrypoints.operations.sampler import SAMPLER_SECONDS, Sampler
from entrypoints.operations.start_checks import INTERVAL_SECONDS, StartChecks, check_ready
from entrypoints.public_urls import PublicUrls, RequestOrigin
from infrastructure.configuration.followed_log import LOOK_SECONDS, LogFollowers
from infrastructure.configuration.log_format import configure_logging
from infrastructure.configuration.settings import Settings

DAY_SECONDS = 24 * 60 * 60.0
POLL_SECONDS = 0.5

UNREAD_BYTES = 16 * 1024
"""What the system keeps for a client that does not read yet: many answers."""


class AddressInUseError(WebhookHandlerError):
    """The address cannot be listened on."""


def run(host: str, port: int, *, ephemeral: bool = False, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight and return.

    Raises a ``WebhookHandlerError`` before anything is accepted: what is wrong with settings,
    secrets or backends, or ``AddressInUseError``. What does not answer it waits for.
    """
    container = build_container(os.environ, ephemeral=ephemeral)
    count_for_prometheus(container)
    settings = container.settings()
    configure_logging(settings.log_level)
    try:
        start_checks = StartChecks(container)
        unanswered = start_checks.begin()
        with listen(host, port) as listener:
            prepare_access(container)
            say = partial(_say_where, container, listener, unanswered)
            if workers == 1:
                serve(container, start_checks, listener, say=say)
                return
            supervisor = Supervisor(listener, workers)
            say()
            sys.stdout.flush()
            container.shutdown_resources()  # each worker opens its own
            if not supervisor.run():
                sys.exit(1)
    finally:
        container.shutdown_resources()


def _say_where(container: Container, listener: socket.socket, unanswered: str | None) -> None:
    """What the operator should know when the server is up, and heeds signals."""
    settings, place = container.settings(), container.storage().place
    host, port = listener.getsockname()[:2]
    origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    click.echo(f"Frontdesk listens on {origin} and keeps its data in {place}")
    if not settings.has_real_secrets:
        click.echo(
            "Development secret in use: 'frontdesk send' is accepted, "
            "real providers are refused until their secrets are set."
        )
    offer_sign_in(container, origin)
    if unanswered is not None:
        click.echo(
            f"Not ready yet, for this does not answer: {unanswered}. Until it does, "
            "verified webhooks are spooled; the server becomes ready by itself."
        )


def serve(
    container: Container,
    start_checks: StartChecks,
    listener: socket.socket,
    share: Share = THE_WHOLE,
    say: Callable[[], None] = lambda: None,
) -> None:
    """Serve with a ``share`` of all limits until SIGTERM or SIGINT; ``say`` once it heeds them."""
    shutdown = Shutdown()
    # uvicorn repeats the signal that ended it under the handler that was there before. This one
    # does nothing then, so that an orderly end exits with status 0. It counts before uvicorn's.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shutdown.begin())
    say()
    exit_at_deadline(shutdown)
    sampler = Sampler(container, start_checks.passed.is_set)
    sampling = Task("samples", sampler, rest_seconds=SAMPLER_SECONDS)
    with running([*tasks_after(start_checks, container, shutdown, share), sampling], shutdown):
        _answer(container, start_checks, listener, shutdown, share)
    sampler.keep()


def _answer(
    container: Container,
    start_checks: StartChecks,
    listener: socket.socket,
    shutdown: Shutdown,
    share: Share,
) -> None:
    def require_ready() -> None:
        start_checks.require_passed()
        check_ready(container)

    limits = reserve_open_files(share.of(container.settings().max_in_flight)).divided(share)
    endpoint = webhook_endpoint(container, limits, start_checks.process, share)
    routes = guarded_routes(container, share, start_checks.require_passed)
    app = create_app(endpoint.receive_webhook, Readiness(require_ready), routes)
    _collect_garbage_seldom()
    give_back_large_blocks()
    GracefulServer(server_config(app, endpoint.open, limits), shutdown).run(sockets=[listener])
    endpoint.close()


def _collect_garbage_seldom() -> None:
    """What is there by now stays, and a webhook leaves hardly anything to collect."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


class GracefulServer(uvicorn.Server):
    """Begins ``shutdown`` with the signal that ends it, and logs the errors of its event loop."""

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown) -> None:
        super().__init__(config)
        self._shutdown = shutdown

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        await super().startup(sockets)
        self.should_exit = self.should_exit or self._shutdown.begun.is_set()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._shutdown.begin()
        super().handle_exit(sig, frame)


def server_config(
    app: ASGIApp, open_webhook: OpenWebhook, limits: ConnectionLimits
) -> uvicorn.Config:
    """How webhooks, and other requests by ``app``, are served: within limits.

    No answer says a word about the server's software.
    """
    protocol = partial(WebhookProtocol, open_webhook=open_webhook, watch=ConnectionWatch())
    return uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], protocol),  # called like one
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        limit_concurrency=limits.connections,
        backlog=limits.accepted_at_once,
    )


def tasks_after(
    start_checks: StartChecks, container: Container, shutdown: Shutdown, share: Share
) -> list[Task]:
    """The start checks as long as they are needed, and the background tasks after them."""

    def after_checks(work: Callable[[], bool]) -> Callable[[], bool]:
        def wait_and_work() -> bool:
            while not start_checks.passed.wait(POLL_SECONDS):
                if shutdown.begun.is_set():
                    return False
            return work()

        return wait_and_work

    tasks = background_tasks(container, shutdown.begun.is_set, share)
    return [
        Task("start checks", start_checks.repeat, rest_seconds=INTERVAL_SECONDS),
        *_follower_tasks(container.settings()),
        *(replace(task, work=after_checks(task.work)) for task in tasks),
    ]


def _follower_tasks(settings: Settings) -> Iterator[Task]:
    """What writes log lines for commands on this machine that follow them."""
    if "sqlite" in (settings.storage, settings.queue):
        yield Task("followers", LogFollowers(settings.data_dir).look, rest_seconds=LOOK_SECONDS)


def background_tasks(
    container: Container, ends: Callable[[], bool] = lambda: False, share: Share = THE_WHOLE
) -> list[Task]:
    """Drain the spool, relay what stayed pending, and purge what is too old.

    Other processes may do the same, but of several workers only the first one purges. While an
    erasure rewrites the database, all wait for its end, or until the server ``ends``. Where a
    purge has its price, the operator starts it.
    """

    def patiently(work: Callable[[], bool]) -> Callable[[], bool]:
        def wait_and_work() -> bool:
            with container.patience()(ends):
                return work()

        return wait_and_work

    tasks = [
        Task("spool", patiently(lambda: drain_some(container)), rest_seconds=1.0),
        Task("relay", patiently(lambda: relay_some(container)), rest_seconds=10.0),
    ]
    if container.storage().purges_beside_the_server and share.is_first:
        tasks.append(Task("purge", patiently(DailyPurge(container)), rest_seconds=DAY_SECONDS))
    return tasks


def webhook_endpoint(
    container: Container,
    limits: ConnectionLimits | None = None,
    process_webhook: Process | None = None,
    share: Share = THE_WHOLE,
) -> WebhookEndpoint:
    """The endpoint with what the container holds, or ``process_webhook`` in place of its own.

    It takes fewer requests at once than there may be connections: on the others it can answer
    503, and health checks.
    """
    settings = container.settings()
    return WebhookEndpoint(
        receive_webhook=(
            container.receive_webhook(process_webhook=process_webhook)
            if process_webhook
            else container.receive_webhook()
        ),
        read_request=RequestReader(
            PublicUrls(settings.public_base_url, settings.webhook_urls),
            RequestOrigin(settings.trusted_proxies),
        ),
        clock=container.clock(),
        max_body_bytes=settings.max_body_bytes,
        max_in_flight=share.of(settings.max_in_flight),
        share=share,
        max_requests=(limits or ConnectionLimits()).connections * 15 // 16,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host`` and ``port`` (0: any free one)."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=ACCEPTED_AT_ONCE)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # the address stands here already
        raise AddressInUseError(
            f"cannot listen on {host}:{port} ({reason}): choose another --port"
        ) from error
    # Connections inherit both options. Without this one the body of each answer waits 40 ms for
    # the client to acknowledge its headers; asyncio sets it only on sockets that it made itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The attack: a client that reads no answers. The system would hold megabytes of them.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
    return listener
