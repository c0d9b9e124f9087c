"""Puts what needs a token beside the webhooks."""

from collections.abc import Callable, Sequence

from anyio import CapacityLimiter
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from entrypoints.composition.container import Container
from entrypoints.http.access.access import Access
from entrypoints.http.access.bounded import AT_ONCE, BoundedApp
from entrypoints.http.access.change_log import ChangeLog
from entrypoints.http.access.guard import Guard
from entrypoints.http.access.origins import OwnOrigins
from entrypoints.http.access.sign_in_codes import SignInCodes
from entrypoints.http.api.metrics import metrics_endpoint, scrape_of
from entrypoints.http.below import Below
from entrypoints.http.console.mount import console_routes
from entrypoints.http.limits.share import THE_WHOLE, Share
from entrypoints.public_urls import RequestOrigin

SIGN_IN_THREADS = 2
"""How many requests may wait for a secret to be read, or for a disk, until they are let in."""


def access_of(container: Container) -> Access:
    """Who may, by the settings of ``container``."""
    settings, operations = container.settings(), container.operations()
    return Access(
        tokens=operations.access_tokens().current,
        session_key=operations.session_key().current,
        clock=container.clock(),
        origins=OwnOrigins.of(
            (settings.public_base_url, *settings.webhook_urls.values()),
            RequestOrigin(settings.trusted_proxies),
        ),
        codes=SignInCodes(settings.data_dir) if settings.has_local_token else None,
    )


def guarded_routes(
    container: Container,
    share: Share = THE_WHOLE,
    require_started: Callable[[], None] = lambda: None,
) -> Sequence[BaseRoute]:
    """The API, the metrics, and the console.

    API and console raise what ``require_started`` raises, before they touch any store.
    """

    def load() -> ASGIApp:
        # 0.15 s and 20 MB with what it imports: for servers whose API is used.
        from entrypoints.http.api.application import create_api

        return ChangeLog(create_api(container, require_started), "changed over the API")

    access, limiter = access_of(container), CapacityLimiter(SIGN_IN_THREADS)
    guarded: ASGIApp = Guard(BoundedApp(load, share.of(AT_ONCE)), access.admit, limiter)
    metrics = metrics_endpoint(scrape_of(container))
    return [
        Below("/v1", guarded),
        Route("/metrics", Guard(metrics, access.admit_program, limiter)),
        *console_routes(container, access, limiter, share, require_started),
    ]
