"""The ASGI application: webhooks on any path that names a channel, and two health checks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest, WebhookResponse
from application.receiving.receive_webhook import ReceiveWebhook
from domain.errors import (
    DeadlineExceededError,
    OverloadedError,
    TemporaryError,
    WebhookHandlerError,
)
from entrypoints.http.limits.bodies import BodyMemory, read_body
from entrypoints.http.public_url import PublicUrl

BODY_SECONDS = 30.0
"""How long a body may take to arrive; a provider on a working network needs far less."""

SLOW_SECONDS = 1.0
"""How long a body may take at least, however many others there are."""

PLACE_SECONDS = 2.0
"""How long a request waits for one of the places before it is put aside."""

SPOOL_SECONDS = 8.0
"""How long putting it aside may take before the provider shall try again."""

SPOOL_THREADS = 4

LARGE_BODIES_AT_ONCE = 4
"""How many bodies of the largest size may be held, arriving or worked on.

Each takes up to twice its size: memory that grows is moved, and what was freed is kept.
"""


@dataclass(frozen=True)
class WebhookEndpoint:
    """Reads a request within its limits and lets the use case answer it.

    Of ``max_requests`` at once at most ``max_in_flight`` are worked on; what finds no place is
    authenticated and put aside. One that is still arriving takes no place, and is cut off for
    one more than ``max_requests``: who sends slowly keeps nobody else waiting. A body has at
    most ``max_body_bytes``, all together have ``LARGE_BODIES_AT_ONCE`` times as much: that
    bounds the memory. The use case blocks, so it runs on a thread; place and memory are taken
    until that is done, whoever still waits for it.
    """

    receive_webhook: ReceiveWebhook
    public_url: PublicUrl
    clock: Clock
    max_body_bytes: int
    max_in_flight: int
    max_requests: int
    requests: asyncio.Semaphore = field(init=False)
    places: asyncio.Semaphore = field(init=False)
    spooling: asyncio.Semaphore = field(init=False)
    threads: CapacityLimiter = field(init=False)
    memory: BodyMemory = field(init=False)
    arriving: dict[asyncio.Timeout, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Make the places, as many threads, and the room for bodies."""
        object.__setattr__(self, "requests", asyncio.Semaphore(self.max_requests))
        object.__setattr__(self, "places", asyncio.Semaphore(self.max_in_flight))
        object.__setattr__(self, "spooling", asyncio.Semaphore(SPOOL_THREADS))
        threads = CapacityLimiter(self.max_in_flight + SPOOL_THREADS)
        object.__setattr__(self, "threads", threads)
        room = BodyMemory(LARGE_BODIES_AT_ONCE * self.max_body_bytes)
        object.__setattr__(self, "memory", room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nobody waits for an answer when the client has gone."""
        started = time.perf_counter()
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:
            answer = self.receive_webhook.refuse(error, scope["path"], started)
        headers = {"content-type": answer.content_type, **dict(answer.headers)}
        await Response(answer.body, answer.status, headers)(scope, receive, send)

    async def _answer(self, request: Request) -> WebhookResponse:
        if self.requests.locked() and not self._cut_off_slowest():
            raise OverloadedError("too many requests at once")
        async with self.requests:
            return await self._receive(request)

    async def _receive(self, request: Request) -> WebhookResponse:
        limit = self.receive_webhook.body_limit(request.method, request.scope["path"])
        received_at = self.clock()
        with ExitStack() as held:
            hold = held.enter_context(self.memory.share())
            async with self._body_arrives():
                body = await read_body(request, min(limit, self.max_body_bytes), hold)
            webhook = WebhookRequest(
                method=request.method,
                url=self.public_url.of(request.scope),
                headers=tuple(
                    (name.decode("latin-1").lower(), value.decode("latin-1"))
                    for name, value in request.headers.raw
                ),
                body=body,
                received_at=received_at,
            )
            return await self._work_on(webhook, held)

    @asynccontextmanager
    async def _body_arrives(self) -> AsyncIterator[None]:
        too_long = DeadlineExceededError("the body took too long")
        async with _within(BODY_SECONDS, too_long) as time_left:
            self.arriving[time_left] = asyncio.get_running_loop().time()
            try:
                yield
            finally:
                self.arriving.pop(time_left, None)

    def _cut_off_slowest(self) -> bool:
        """End the time of the body that has been arriving the longest, if that is slow."""
        now = asyncio.get_running_loop().time()
        slowest = next(iter(self.arriving), None)
        if slowest is None or now - self.arriving[slowest] < SLOW_SECONDS:
            return False
        del self.arriving[slowest]
        slowest.reschedule(now)
        return True

    async def _work_on(self, webhook: WebhookRequest, held: ExitStack) -> WebhookResponse:
        try:
            async with _within(PLACE_SECONDS, OverloadedError("no place became free")):
                await self.places.acquire()
        except OverloadedError:
            return await self._spool(webhook, held)
        held.callback(self.places.release)
        return await self._on_a_thread(self.receive_webhook, webhook, held)

    async def _spool(self, webhook: WebhookRequest, held: ExitStack) -> WebhookResponse:
        async with _within(SPOOL_SECONDS, OverloadedError("too much is put aside at once")):
            await self.spooling.acquire()
            held.callback(self.spooling.release)
            return await self._on_a_thread(self.receive_webhook.spool, webhook, held)

    async def _on_a_thread(
        self,
        work: Callable[[WebhookRequest], WebhookResponse],
        webhook: WebhookRequest,
        held: ExitStack,
    ) -> WebhookResponse:
        """Do ``work``. What is held is given back when it is done, however long anybody waits."""
        done = asyncio.create_task(to_thread.run_sync(work, webhook, limiter=self.threads))
        rest = held.pop_all()
        done.add_done_callback(lambda _: rest.close())
        return await asyncio.shield(done)


@asynccontextmanager
async def _within(seconds: float, otherwise: TemporaryError) -> AsyncIterator[asyncio.Timeout]:
    try:
        async with asyncio.timeout(seconds) as time_left:
            yield time_left
    except TimeoutError as error:
        raise otherwise from error


def create_app(webhooks: WebhookEndpoint, check_ready: Callable[[], None]) -> Starlette:
    """The application. ``check_ready`` raises a ``WebhookHandlerError`` when it is not."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        try:
            await to_thread.run_sync(check_ready)
        except WebhookHandlerError as error:
            return JSONResponse({"status": "not ready", "error": type(error).__name__}, 503)
        return JSONResponse({"status": "ready"})

    return Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/{path:path}", webhooks),
        ]
    )
