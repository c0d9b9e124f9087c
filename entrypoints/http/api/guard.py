"""What stands before everything that needs a token."""

import logging
from dataclasses import dataclass
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.api.access import Access, Caller
from entrypoints.http.api.problems import ProblemError
from entrypoints.http.api.request_heads import is_change, path_of_segments

logger = logging.getLogger(__name__)

CALLER = "frontdesk.caller"
"""Where the scope of an admitted request has its ``Caller``."""

SECURITY_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


_LOGGED_IDS = ("conversation_id", "channel", "request_id", "dead_letter_id")


@dataclass(frozen=True)
class Guard:
    """Lets ``app`` answer whoever may ask, and logs every change under the token's name.

    The rest gets a problem, before anything of the body is read.
    """

    app: ASGIApp
    access: Access
    limiter: CapacityLimiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        answer = _Answer(send)
        try:
            caller = await to_thread.run_sync(self.access.admit, scope, limiter=self.limiter)
            admitted = {**scope, "path": path_of_segments(scope), CALLER: caller}
            await self.app(admitted, receive, answer.pass_on)
            _log_change(admitted, answer.status)
        except ProblemError as problem:
            await problem.response()(scope, receive, answer.pass_on)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def pass_on(self, message: Message) -> None:
        """Send it, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message["headers"]}
            added = [one for one in SECURITY_HEADERS if one[0] not in given]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


def _log_change(scope: Scope, status: int) -> None:
    if not (is_change(scope) and status < HTTPStatus.BAD_REQUEST):
        return
    caller: Caller = scope[CALLER]
    ids = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    logger.info(
        "changed over the API",
        extra={
            **{name: ids[name] for name in _LOGGED_IDS if name in ids},
            "token_name": caller.token.name,
            "action": f"{scope['method']} {getattr(scope.get('route'), 'path', '')}",
            "status": status,
        },
    )
