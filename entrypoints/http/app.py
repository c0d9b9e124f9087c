"""The ASGI application beside the webhooks: health checks, the API, an answer to other paths."""

from collections.abc import Callable, Sequence

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from application.receiving.receive_webhook import ReceiveWebhook
from domain.errors import UnsupportedChannelError, WebhookHandlerError
from entrypoints.http.below import Below
from entrypoints.public_urls import sent_path

READY_THREADS = 2


class NoWebhook:
    """Refuses any request, and counts it as one whose path names no channel."""

    def __init__(self, receive_webhook: ReceiveWebhook) -> None:
        self._receive_webhook = receive_webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without a look at the body."""
        exchange = self._receive_webhook.begin(scope["method"], sent_path(scope))
        refused = exchange.refuse(UnsupportedChannelError("the path names no channel"))
        headers = {"content-type": refused.content_type, **dict(refused.headers)}
        await Response(refused.body, refused.status, headers)(scope, receive, send)


def create_app(
    receive_webhook: ReceiveWebhook,
    check_ready: Callable[[], None],
    guarded_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The application. ``check_ready`` raises a ``WebhookHandlerError`` when it is not.

    ``guarded_routes`` are the API and its pages.
    """
    # A slow API must not keep load balancers waiting: it has threads of its own.
    limiter = CapacityLimiter(READY_THREADS)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        try:
            await to_thread.run_sync(check_ready, limiter=limiter)
        except WebhookHandlerError as error:
            return JSONResponse({"status": "not ready", "error": type(error).__name__}, 503)
        return JSONResponse({"status": "ready"})

    return Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            *guarded_routes,
            Below("", NoWebhook(receive_webhook)),
        ]
    )
