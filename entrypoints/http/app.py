"""The ASGI application: webhooks on any path that names a channel, and two health checks."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest, WebhookResponse
from application.receiving.receive_webhook import ReceiveWebhook, WebhookExchange
from domain.errors import DeadlineExceededError, OverloadedError, WebhookHandlerError
from entrypoints.http.limits.bodies import BodyMemory, read_body
from entrypoints.public_urls import PublicUrls, RequestOrigin, sent_path, sent_queries

BODY_SECONDS = 30.0
"""How long a body may take to arrive; a provider on a working network needs far less."""

SLOW_SECONDS = 1.0
"""How long a body may take at least, however many others there are."""

SLOT_SECONDS = 2.0
"""How long a request waits for a slot before it is spooled."""

SPOOL_SECONDS = 8.0
"""How long spooling may take before the provider has to try again."""

SPOOL_THREADS = 4

LARGE_BODIES_AT_ONCE = 4
"""How many bodies of the largest size may be held, arriving or worked on.

Each takes up to twice its size: memory that grows is moved, and what was freed is kept.
"""


@dataclass(eq=False)
class WebhookEndpoint:
    """Reads a request within its limits and lets the use case answer it.

    Of ``max_requests`` at once at most ``max_in_flight`` are processed. A request that finds no
    slot is verified and spooled. One that is still arriving takes no slot, and is cut off for
    one more than ``max_requests``: a client that sends slowly keeps no other client waiting. A
    body has at most ``max_body_bytes``, all together have ``LARGE_BODIES_AT_ONCE`` times as
    much: that bounds the memory. The use case blocks, so it runs on a thread. Slot and memory
    are taken until the thread is done, also when its client has gone.
    """

    receive_webhook: ReceiveWebhook
    public_urls: PublicUrls
    clock: Clock
    _: KW_ONLY
    request_origin: RequestOrigin
    max_body_bytes: int
    max_in_flight: int
    max_requests: int

    def __post_init__(self) -> None:
        self.requests = asyncio.Semaphore(self.max_requests)
        self.slots = asyncio.Semaphore(self.max_in_flight)
        self.memory = BodyMemory(LARGE_BODIES_AT_ONCE * self.max_body_bytes)
        self._spooling = asyncio.Semaphore(SPOOL_THREADS)
        self._threads = CapacityLimiter(self.max_in_flight + SPOOL_THREADS)
        self._arriving: dict[asyncio.Timeout, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; none is sent when the client has gone."""
        exchange = self.receive_webhook.begin(scope["method"], sent_path(scope))
        try:
            if self.requests.locked():
                self._cut_off_slowest()
            async with self.requests:
                response = await self._receive(Request(scope, receive), exchange)
        except ClientDisconnect:
            return
        except Exception as error:
            response = exchange.refuse(error)
        headers = {"content-type": response.content_type, **dict(response.headers)}
        await Response(response.body, response.status, headers)(scope, receive, send)

    async def _receive(self, request: Request, exchange: WebhookExchange) -> WebhookResponse:
        limit = min(exchange.max_body_bytes, self.max_body_bytes)
        received_at = self.clock()
        with ExitStack() as held:
            hold = held.enter_context(self.memory.share())
            body = await self._body(request, limit, hold)
            url, *other_urls = self._urls(request.scope, exchange)
            webhook = WebhookRequest(
                method=request.method,
                url=url,
                other_urls=tuple(other_urls),
                headers=tuple(
                    (name.decode("latin-1").lower(), value.decode("latin-1"))
                    for name, value in request.headers.raw
                ),
                body=body,
                received_at=received_at,
            )
            return await self._process(exchange, webhook, held)

    def _urls(self, scope: Scope, exchange: WebhookExchange) -> tuple[str, ...]:
        """The public URLs of a request, path and query as they were sent, byte for byte."""
        query = scope["query_string"].decode("latin-1")
        origin = partial(self.request_origin.of, scope)
        return self.public_urls.of(exchange.channel, origin, sent_path(scope), sent_queries(query))

    async def _body(self, request: Request, limit: int, hold: Callable[[int], None]) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS) as time_left:
                self._arriving[time_left] = asyncio.get_running_loop().time()
                try:
                    return await read_body(request, limit, hold)
                finally:
                    self._arriving.pop(time_left, None)
        except TimeoutError as error:
            raise DeadlineExceededError("the body took too long") from error

    def _cut_off_slowest(self) -> None:
        """End the time of the body that has been arriving the longest.

        Raises ``OverloadedError`` if that one is not slow.
        """
        now = asyncio.get_running_loop().time()
        slowest = next(iter(self._arriving), None)
        if slowest is None or now - self._arriving[slowest] < SLOW_SECONDS:
            raise OverloadedError("too many requests at once")
        del self._arriving[slowest]
        slowest.reschedule(now)

    async def _process(
        self, exchange: WebhookExchange, webhook: WebhookRequest, held: ExitStack
    ) -> WebhookResponse:
        try:
            async with asyncio.timeout(SLOT_SECONDS):
                await self.slots.acquire()
        except TimeoutError:
            return await self._spool(exchange, webhook, held)
        held.callback(self.slots.release)
        return await self._on_a_thread(exchange.process, webhook, held)

    async def _spool(
        self, exchange: WebhookExchange, webhook: WebhookRequest, held: ExitStack
    ) -> WebhookResponse:
        try:
            async with asyncio.timeout(SPOOL_SECONDS):
                await self._spooling.acquire()
                held.callback(self._spooling.release)
                return await self._on_a_thread(exchange.spool, webhook, held)
        except TimeoutError as error:
            raise OverloadedError("too much is spooled at once") from error

    async def _on_a_thread(
        self,
        work: Callable[[WebhookRequest], WebhookResponse],
        webhook: WebhookRequest,
        held: ExitStack,
    ) -> WebhookResponse:
        """Do ``work``. What is held is released when it is done, also if no client waits for it."""
        done = asyncio.create_task(to_thread.run_sync(work, webhook, limiter=self._threads))
        rest = held.pop_all()
        done.add_done_callback(lambda _: rest.close())
        return await asyncio.shield(done)


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
