"""The ASGI application beside the webhooks: health checks, the API, an answer to other paths."""

from collections.abc import Callable, Sequence

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from application.receiving.receive_webhook import ReceiveWebhook
from domain.errors import WebhookHandlerError
from entrypoints.http.below import Below
from entrypoints.http.no_webhook import NoWebhook

READY_THREADS = 2


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
            Below("", NoWebhook(lambda: receive_webhook)),
        ]
    )
