"""The answer to a request that is neither a webhook nor for any other part of the server."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from application.receiving.receive_webhook import ReceiveWebhook
from domain.errors import UnsupportedChannelError
from entrypoints.public_urls import sent_path


class NoWebhook:
    """Refuses any request, and counts it as one whose path names no channel."""

    def __init__(self, receive_webhook: Callable[[], ReceiveWebhook]) -> None:
        self._receive_webhook = receive_webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without a look at the body."""
        exchange = self._receive_webhook().begin(scope["method"], sent_path(scope))
        refused = exchange.refuse(UnsupportedChannelError("the path names no channel"))
        headers = {"content-type": refused.content_type, **dict(refused.headers)}
        await Response(refused.body, refused.status, headers)(scope, receive, send)
