"""A log line for every change, under the name of the token that asked for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.access.access import Caller
from entrypoints.http.access.guard import CALLER
from entrypoints.http.access.request_heads import SLASH, Head, is_change

logger = logging.getLogger(__name__)

_LOGGED_IDS = ("request_id", "channel", "conversation_id", "dead_letter_id")


@dataclass(frozen=True)
class ChangeLog:
    """Lets ``app`` answer, and logs what it has changed before anybody is told.

    ``sentence`` is the message of the line: where the change was made. ``changes`` tells whether
    a request asks for more than a look.
    """

    app: ASGIApp
    sentence: str
    changes: Callable[[Head], bool] = is_change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

        async def log_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log(scope, message["status"])
            await send(message)

        await self.app(scope, receive, log_and_send)

    def _log(self, scope: Scope, status: int) -> None:
        if not (self.changes(scope) and status < HTTPStatus.BAD_REQUEST):
            return
        caller: Caller = scope[CALLER]
        ids = {
            name: str(value).replace(SLASH, "/")
            for name, value in scope.get("path_params", {}).items()
        }
        logger.info(
            self.sentence,
            extra={
                **{name: ids[name] for name in _LOGGED_IDS if name in ids},
                "token_name": caller.token.name,
                "action": getattr(scope.get("endpoint"), "__name__", None),
                "status": status,
            },
        )
