"""The console as an application. Imported with the first request for a page."""

from collections.abc import Callable

from fastapi import APIRouter, Depends, FastAPI

from entrypoints.composition.container import Container
from entrypoints.http.console import conversation_pages, overview_page, signature_pages, trace_pages
from entrypoints.http.console.error_pages import HANDLERS
from entrypoints.http.console.posted_forms import posted_form

_ROUTERS: tuple[APIRouter, ...] = (
    overview_page.router,
    conversation_pages.router,
    trace_pages.router,
    signature_pages.router,
)


def create_console(
    container: Container, require_started: Callable[[], None] = lambda: None
) -> FastAPI:
    """The pages over the use cases of ``container``.

    ``require_started`` raises while nothing may be touched.
    """
    console = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
        dependencies=[Depends(require_started), posted_form],
    )
    console.state.container = container
    for routes in _ROUTERS:
        console.include_router(routes)
    return console
