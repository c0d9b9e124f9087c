"""The ASGI application: webhooks on any path that names a channel, and two health checks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from application.clock import Clock
from application.ports.channels import WebhookRequest, WebhookResponse
from application.receive_webhook import ReceiveWebhook
from domain.errors import (
    DeadlineExceededError,
    OverloadedError,
    TemporaryError,
    WebhookHandlerError,
)
from entrypoints.http.bodies import BodyMemory, read_body
from entrypoints.http.public_url import PublicUrl

BODY_SECONDS = 30.0
"""How long a body may take to arrive; a provider on a working network needs far less."""

PLACE_SECONDS = 2.0
"""How long a request waits for one of the places before it is put aside."""

ASIDE_SECONDS = 8.0
"""How long putting it aside may take before the provider shall try again."""

ASIDE_THREADS = 4

LARGE_BODIES_AT_ONCE = 8
"""How many bodies of the largest size may be held beyond that, arriving or worked on."""


@dataclass(frozen=True)
class WebhookEndpoint:
    """Reads a request within its limits and lets the use case answer it.

    At most ``max_in_flight`` requests are worked on at once; what finds no place is
    authenticated and put aside. One that is still arriving takes
    no place: who sends slowly keeps nobody else waiting. A body has at most ``max_body_bytes``,
    all together have ``LARGE_BODIES_AT_ONCE`` times as much: that bounds the memory. The use
    case blocks, so it runs on a thread.
    """

    receive_webhook: ReceiveWebhook
    public_url: PublicUrl
    clock: Clock
    max_body_bytes: int
    max_in_flight: int
    places: asyncio.Semaphore = field(init=False)
    threads: CapacityLimiter = field(init=False)
    aside: CapacityLimiter = field(init=False)
    memory: BodyMemory = field(init=False)

    def __post_init__(self) -> None:
        """Make the places, as many threads, and the room for bodies."""
        object.__setattr__(self, "places", asyncio.Semaphore(self.max_in_flight))
        object.__setattr__(self, "threads", CapacityLimiter(self.max_in_flight))
        object.__setattr__(self, "aside", CapacityLimiter(ASIDE_THREADS))
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
        limit = self.receive_webhook.body_limit(request.method, request.scope["path"])
        received_at = self.clock()
        with self.memory.share() as held:
            async with _within(BODY_SECONDS, DeadlineExceededError("the body took too long")):
                body = await read_body(request, min(limit, self.max_body_bytes), held)
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
            return await self._work_on(webhook)

    async def _work_on(self, webhook: WebhookRequest) -> WebhookResponse:
        try:
            async with _within(PLACE_SECONDS, OverloadedError("no place became free")):
                await self.places.acquire()
        except OverloadedError:
            return await self._put_aside(webhook)
        try:
            return await to_thread.run_sync(self.receive_webhook, webhook, limiter=self.threads)
        finally:
            self.places.release()

    async def _put_aside(self, webhook: WebhookRequest) -> WebhookResponse:
        async with _within(ASIDE_SECONDS, OverloadedError("too much is put aside at once")):
            return await to_thread.run_sync(
                self.receive_webhook.put_aside, webhook, limiter=self.aside, abandon_on_cancel=True
            )


@asynccontextmanager
async def _within(seconds: float, otherwise: TemporaryError) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
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
