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
from entrypoints.http.console.places import BODY_BYTES, PLACES, changes_something
from entrypoints.http.console.sign_in import SignIn
from entrypoints.http.limits.share import Share


def console_routes(
    container: Container,
    access: Access,
    limiter: CapacityLimiter,
    share: Share,
    require_started: Callable[[], None],
) -> Iterable[BaseRoute]:
    """The pages, what they are made of, and the way to sign in."""

    def load() -> ASGIApp:
        from entrypoints.http.console.application import create_console

        console = create_console(container, require_started)
        return ChangeLog(console, "changed in the console", changes_something)

    app = BoundedApp(load, share.of(AT_ONCE), BODY_BYTES)
    guarded = Guard(app, PageAccess(access).admit, limiter, refused_page)
    yield Route("/", guarded)
    yield from (Below(place, guarded) for place in PLACES)
    yield Below(PREFIX, serve_assets)
    yield from SignIn(access, limiter).routes
