"""The console as an application. Imported with the first request for a page."""

from collections.abc import Callable, Iterable

from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, FastAPI

from entrypoints.composition.container import Container
from entrypoints.http.api import attachment_routes
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


def create_console(
    container: Container,
    require_started: Callable[[], None] = lambda: None,
    routers: Iterable[APIRouter] = _ROUTERS,
) -> FastAPI:
    """The pages of ``routers`` over the use cases of ``container``.

    ``require_started`` raises while nothing may be touched.
    """
    console = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
        dependencies=[Depends(require_started), posted_form],
    )
    console.state.container = container
    console.state.check_runs = CheckRuns(lambda: run_checks(container), container.clock())
    console.state.file_threads = CapacityLimiter(attachment_routes.THREADS)
    console.state.mail_threads = CapacityLimiter(message_pages.MAILS_AT_ONCE)
    console.state.overview = Overview(container)
    for routes in routers:
        console.include_router(routes)
    return console
