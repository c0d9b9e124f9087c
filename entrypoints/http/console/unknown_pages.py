"""Addresses where there is nothing: a browser that has signed in gets a page, and no one else."""

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.access.request_heads import Head, cookies, header
from entrypoints.http.access.sessions import is_session_name


class UnknownPages(BaseRoute):
    """Lets ``pages`` answer a GET for HTML of a session, wherever no route before it does.

    Whoever ``admit`` does not let in, with whatever cookie, gets the answer of ``no_page``, as
    every other request for such an address: it does not tell that there is a console.
    """

    def __init__(
        self,
        pages: ASGIApp,
        admit: Callable[[Head], Caller],
        limiter: CapacityLimiter,
        no_page: ASGIApp,
    ) -> None:
        self._pages = pages
        self._admit = admit
        self._limiter = limiter
        self._no_page = no_page

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_asked_for = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and "text/html" in (header(scope, "accept") or "").lower()
            and any(map(is_session_name, cookies(scope)))
        )
        return (Match.FULL if is_asked_for else Match.NONE), {}

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await to_thread.run_sync(self._admit, scope, limiter=self._limiter)
        except ProblemError:
            await self._no_page(scope, receive, send)
        else:
            await self._pages(scope, receive, send)
