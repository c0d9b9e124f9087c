"""Puts the console beside the webhooks."""

from collections.abc import Callable, Iterable

from anyio import CapacityLimiter
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from entrypoints.composition.container import Container
from entrypoints.http.access.access import Access
from entrypoints.http.access.bounded import AT_ONCE, BoundedApp
from entrypoints.http.access.change_log import ChangeLog
from entrypoints.http.access.guard import Guard
from entrypoints.http.below import Below
from entrypoints.http.console.assets import PREFIX, serve_assets
from entrypoints.http.console.page_guard import PageAccess, refused_page
from entrypoints.http.console.places import PLACES, SIMULATOR, body_bytes, changes_something
from entrypoints.http.console.sign_in import SignIn
from entrypoints.http.console.unknown_pages import UnknownPages
from entrypoints.http.limits.share import Share
from entrypoints.http.no_webhook import NoWebhook

SIMULATIONS_AT_ONCE = 4
"""How many requests for the simulator are worked on at once, in each worker."""

SIMULATION_BYTES = 8 * 1024 * 1024


def console_routes(
    container: Container,
    access: Access,
    limiter: CapacityLimiter,
    share: Share,
    require_started: Callable[[], None],
) -> Iterable[BaseRoute]:
    """The pages, what they are made of, the way to sign in, and what is at any other address."""

    def load() -> ASGIApp:
        from entrypoints.http.console.application import create_console

        console = create_console(container, require_started)
        return ChangeLog(console, "changed in the console", changes_something)

    def guarded(app: BoundedApp) -> Guard:
        return Guard(app, PageAccess(access).admit, limiter, refused_page)

    pages = guarded(BoundedApp(load, share.of(AT_ONCE), body_bytes))
    yield Route("/", pages)
    if container.settings().is_development:
        yield Below(SIMULATOR, guarded(_simulator(container, require_started)))
    yield from (Below(place, pages) for place in PLACES)
    yield Below(PREFIX, serve_assets)
    yield from SignIn(access, limiter).routes
    admit = PageAccess(access).admit
    yield UnknownPages(pages, admit, limiter, NoWebhook(container.receive_webhook))


def _simulator(container: Container, require_started: Callable[[], None]) -> BoundedApp:
    """Its forms carry files. What it does holds up no other page."""

    def load() -> ASGIApp:
        from entrypoints.http.console.simulator.application import create_simulator

        return ChangeLog(create_simulator(container, require_started), "changed in the simulator")

    return BoundedApp(load, SIMULATIONS_AT_ONCE, lambda _: SIMULATION_BYTES)
