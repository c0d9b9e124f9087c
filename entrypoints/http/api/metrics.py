"""The answer to Prometheus."""

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response
from starlette.types import ASGIApp

from entrypoints.composition.container import Container
from entrypoints.http.access.access import Caller
from entrypoints.http.access.guard import CALLER
from entrypoints.http.access.problems import ProblemError
from entrypoints.operations.gauges import Gauges, gauge_sources

METHODS = ("GET", "HEAD")

Render = Callable[[str], tuple[bytes, str]]
"""Gives what is scraped and its content type, for an ``Accept`` header."""


def scrape_of(container: Container) -> Render:
    """What all workers have counted, and what waits now. It blocks for some seconds at most."""
    gauges = Gauges(gauge_sources(container))
    return lambda accept: container.operations().metrics_page()(gauges(), accept)


def metrics_endpoint(render: Render) -> ASGIApp:
    """Answers with the text, one scrape at a time. It stands behind a ``Guard``.

    The numbers are of all companies together: a token of some may not see them.
    """
    limiter = CapacityLimiter(1)

    async def metrics(request: Request) -> Response:
        caller: Caller = request.scope[CALLER]
        caller.require_all_companies()
        if request.method not in METHODS:
            raise ProblemError(405, "metrics are read", headers={"allow": ", ".join(METHODS)})
        accept = request.headers.get("accept", "")
        text, content_type = await to_thread.run_sync(render, accept, limiter=limiter)
        return Response(text, headers={"content-type": content_type})

    return request_response(metrics)
