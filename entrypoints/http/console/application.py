"""The console as an application. Imported with the first request for a page."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from entrypoints.composition.container import Container
from entrypoints.http.api import attachment_routes
from entrypoints.http.api.dependencies import started
from entrypoints.http.console import absent_simulator
from entrypoints.http.console.conversations import message_pages, search_pages, thread_pages
from entrypoints.http.console.error_pages import HANDLERS
from entrypoints.http.console.operations import check_pages, queue_pages, signature_pages
from entrypoints.http.console.overview import page as overview_page
from entrypoints.http.console.overview.figures import Overview
from entrypoints.http.console.posted_forms import posted_form
from entrypoints.http.console.recovery import dead_letter_pages, unmatched_pages
from entrypoints.http.console.tracing import pages as trace_pages
from entrypoints.operations.check_runs import CheckRuns
from entrypoints.operations.checks import run_checks

_ROUTERS: tuple[APIRouter, ...] = (
    overview_page.router,
    search_pages.router,
    trace_pages.router,
    signature_pages.router,
    dead_letter_pages.router,
    unmatched_pages.router,
    queue_pages.router,
    check_pages.router,
    thread_pages.router,
    message_pages.router,
    attachment_routes.router,
    absent_simulator.router,
)


def included(routers: Iterable[APIRouter]) -> Sequence[BaseRoute]:
    """The pages of ``routers``, with what is asked before each of them."""
    router = APIRouter(dependencies=[started, posted_form])
    for routes in routers:
        router.include_router(routes)
    return router.routes


@cache
def _routes() -> Sequence[BaseRoute]:
    """Made once: with its first request FastAPI works out what each route needs, in 20 ms."""
    return included(_ROUTERS)


def create_console(
    container: Container,
    require_started: Callable[[], None] = lambda: None,
    routes: Callable[[], Sequence[BaseRoute]] = _routes,
) -> FastAPI:
    """The pages of ``routes`` over the use cases of ``container``.

    ``require_started`` raises while nothing may be touched.
    """
    console = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
        routes=[*routes()],
    )
    console.state.container = container
    console.state.require_started = require_started
    console.state.check_runs = CheckRuns(lambda: run_checks(container), container.clock())
    console.state.file_threads = CapacityLimiter(attachment_routes.THREADS)
    console.state.mail_threads = CapacityLimiter(message_pages.MAILS_AT_ONCE)
    console.state.overview = Overview(container)
    return console
