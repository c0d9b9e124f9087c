"""A route for everything below a path."""

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override


class Below(BaseRoute):
    """Lets ``app`` answer requests for ``prefix`` and for what is below it, whatever that is.

    The patterns of the framework match no line break.
    """

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self._prefix = prefix
        self._app = app

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path: str = scope["path"]
        is_below = path == self._prefix or path.startswith(f"{self._prefix}/")
        return (Match.FULL if is_below else Match.NONE), {}

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
