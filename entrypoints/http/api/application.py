"""The API as a FastAPI application. Imported with the first request that may use it.

``python -m entrypoints.http.api.application > docs/openapi.json`` publishes its description.
"""

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.metadata import version

from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from entrypoints.composition.container import Container
from entrypoints.http.api import (
    attachment_routes,
    conversation_routes,
    dead_letter_routes,
    operation_routes,
    queue_routes,
    session_routes,
    trace_routes,
    unmatched_routes,
)
from entrypoints.http.api.dependencies import started
from entrypoints.http.api.error_answers import HANDLERS
from entrypoints.http.api.openapi import describe

_DESCRIPTION = """What Frontdesk keeps, for programs that answer customers and for operators.

A change needs `Content-Type: application/json`. Errors are problems of RFC 9457. Lists are read
page by page: `cursor` of one page is `after` of the next one, and `null` at the end."""

_ROUTERS: tuple[APIRouter, ...] = (
    session_routes.router,
    conversation_routes.router,
    attachment_routes.router,
    queue_routes.router,
    unmatched_routes.router,
    dead_letter_routes.router,
    operation_routes.router,
    trace_routes.router,
)


def create_api(
    container: Container | None, require_started: Callable[[], None] = lambda: None
) -> FastAPI:
    """The application over the use cases of ``container``; without one, to be described alone.

    ``require_started`` raises while nothing may be touched.
    """
    api = FastAPI(
        title="Frontdesk",
        version=version("frontdesk"),
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
        routes=[*_routes()],
    )
    api.state.container = container
    api.state.require_started = require_started
    api.state.file_threads = CapacityLimiter(attachment_routes.THREADS)
    # FastAPI asks this attribute: https://fastapi.tiangolo.com/how-to/extending-openapi/
    api.openapi = cache(partial(describe, api))  # type: ignore[method-assign]  # as it wants it
    return api


@cache
def _routes() -> Sequence[BaseRoute]:
    """Made once: with its first request FastAPI works out what each route needs, in 20 ms."""
    router = APIRouter(dependencies=[started], generate_unique_id_function=_operation_id)
    for routes in _ROUTERS:
        router.include_router(routes, prefix="/v1")
    return router.routes


def _operation_id(route: APIRoute) -> str:
    """The name of the function: clients that are generated get methods of these names."""
    return route.name


def published() -> str:
    """The text of ``docs/openapi.json``."""
    return json.dumps(create_api(None).openapi(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(published())
