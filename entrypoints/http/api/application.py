"""The API as a FastAPI application. Imported with the first request that may use it."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from entrypoints.composition.container import Container
from entrypoints.http.api import session_routes
from entrypoints.http.api.error_answers import HANDLERS
from entrypoints.http.api.problems import MEDIA_TYPE
from entrypoints.http.api.records import Problem

VERSION = "1"

_DESCRIPTION = """What Frontdesk keeps, for programs that answer customers and for operators.

A change needs `Content-Type: application/json`. Errors are problems of RFC 9457. Lists are read
page by page: `cursor` of one page is `after` of the next one, and `null` at the end."""

_PROBLEMS: dict[int, str] = {
    401: "No valid access token, or no session",
    403: "The token lacks the scope, or may not see what belongs to no company",
    404: "There is none, or it is another company's",
    413: "The body is over 64 KiB",
    415: "A change without `Content-Type: application/json`",
    421: "The host is not one of this server's",
    422: "A parameter is wrong: `errors` names each",
    503: "What is needed does not answer, or too much is asked at once: try again later",
}


def create_api(container: Container, require_started: Callable[[], None] = lambda: None) -> FastAPI:
    """The application over the use cases of ``container``."""
    api = FastAPI(
        title="Frontdesk",
        version=VERSION,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
        responses={status: _described(text) for status, text in _PROBLEMS.items()},
        dependencies=[Depends(require_started)],
    )
    api.state.container = container
    for routes in _ROUTERS:
        api.include_router(routes, prefix="/v1")
    return api


_ROUTERS: tuple[APIRouter, ...] = (session_routes.router,)


def _described(text: str) -> dict[str, Any]:
    return {"description": text, "model": Problem, "content": {MEDIA_TYPE: {}}}
