"""What stands before everything that needs a token."""

from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.access.request_heads import Head, path_of_segments

CALLER = "frontdesk.caller"
"""Where the scope of an admitted request has its ``Caller``."""

SECURITY_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def _problem(problem: ProblemError, _: Head) -> Response:
    return problem.response()


@dataclass(frozen=True)
class Guard:
    """Lets ``app`` answer those who may ask. Others are refused, and their body is not read.

    ``admit`` raises a ``ProblemError``; it may block. ``refuse`` makes the answer to it.
    """

    app: ASGIApp
    admit: Callable[[Head], Caller]
    limiter: CapacityLimiter
    refuse: Callable[[ProblemError, Head], Response] = _problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        answer = _Answer(send)
        try:
            caller = await to_thread.run_sync(self.admit, scope, limiter=self.limiter)
            admitted = {**scope, "path": path_of_segments(scope), CALLER: caller}
            await self.app(admitted, receive, answer.pass_on)
        except ProblemError as problem:
            await self.refuse(problem, scope)(scope, receive, answer.pass_on)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send

    async def pass_on(self, message: Message) -> None:
        """Send it, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            given = {name for name, _ in message["headers"]}
            added = [one for one in SECURITY_HEADERS if one[0] not in given]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)
