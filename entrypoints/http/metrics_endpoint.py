"""The answer to Prometheus."""

from collections.abc import Awaitable, Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from entrypoints.composition.container import Container
from entrypoints.operations.gauges import Gauges, gauge_sources

Render = Callable[[str], tuple[bytes, str]]
"""Gives what is scraped and its content type, for an ``Accept`` header."""


def scrape_of(container: Container) -> Render:
    """What all workers have counted, and what waits now. It blocks for some seconds at most."""
    gauges = Gauges(gauge_sources(container))
    return lambda accept: container.metrics_page()(gauges(), accept)


def metrics_endpoint(render: Render) -> Callable[[Request], Awaitable[Response]]:
    """Answers a GET with the text. It asks for no token: mount it only behind what does."""

    async def metrics(request: Request) -> Response:
        text, content_type = await to_thread.run_sync(render, request.headers.get("accept", ""))
        headers = {"content-type": content_type, "cache-control": "no-store"}
        return Response(text, headers=headers)

    return metrics
