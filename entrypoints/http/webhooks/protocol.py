"""Takes webhooks from the parser before any routing; all other requests go to the application."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from application.ports.webhook_parser import WebhookResponse
from entrypoints.http.limits.connection_timeouts import ConnectionWatch, TimeoutProtocol
from entrypoints.http.webhooks.endpoint import ArrivingWebhook

OpenWebhook = Callable[[Mapping[str, Any]], ArrivingWebhook | None]
"""Gives the webhook with the head of an ASGI scope, or ``None`` if it is another request."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class WebhookCycle(RequestResponseCycle):
    """A webhook as uvicorn's protocol sees a request: answered or not, the last one or not."""

    def __init__(  # the constructor above makes what an ASGI application needs
        self, webhook: ArrivingWebhook, *, keep_alive: bool, expects_continue: bool, is_head: bool
    ) -> None:
        self.webhook = webhook
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.is_head = is_head
        self.response_complete = False


class WebhookProtocol(TimeoutProtocol):
    """Hands each webhook on with plain calls: no task, no timer, one write."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        watch: ConnectionWatch,
        open_webhook: OpenWebhook,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, watch=watch)
        self._open_webhook = open_webhook

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        served = self._served
        if isinstance(served, WebhookCycle):
            served.webhook.abandon()
            served = None
        # uvicorn tells the last request of a pipeline, and the one that is answered has to know.
        self.cycle = served  # type: ignore[assignment]  # None as before the first request
        super().connection_lost(exc)

    @override
    def open_request(self) -> None:
        path, _, query = self.url.partition(b"?")
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # it is being made
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["raw_path"], scope["query_string"] = path, query
        webhook = self._open_webhook(scope)
        if webhook is None:
            super().open_request()
            return
        self.cycle = cycle = WebhookCycle(
            webhook,
            keep_alive=self.stays_open and self.parser.get_http_version() != "1.0",
            expects_continue=self.expect_100_continue,
            is_head=scope["method"] == "HEAD",
        )
        if self.may_answer and not self.pipeline:
            self._begin(cycle)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    @override
    def take_body(self, body: bytes) -> None:
        if isinstance(self.cycle, WebhookCycle):
            self.cycle.webhook.add(body)
        else:
            super().take_body(body)

    @override
    def end_request(self) -> None:
        if isinstance(self.cycle, WebhookCycle):
            self.cycle.webhook.complete()
        else:
            super().end_request()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if isinstance(cycle, WebhookCycle):
            self._begin(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, cycle: WebhookCycle) -> None:
        self._served = cycle
        cycle.webhook.begin(partial(self.respond, cycle))
        if cycle.expects_continue and cycle.webhook.is_awaited:
            self.transport.write(CONTINUE)

    def respond(self, cycle: WebhookCycle, response: WebhookResponse) -> None:
        """Write ``response``, all of it at once."""
        if not self.transport.is_closing():
            headers = (
                *self.server_state.default_headers,
                (b"content-type", response.content_type.encode()),
                *((name.encode(), value.encode()) for name, value in response.headers),
                (b"content-length", b"%d" % len(response.body)),
                *(() if cycle.keep_alive else ((b"connection", b"close"),)),
            )
            lines = (b"%b: %b\r\n" % header for header in headers)
            body = b"" if cycle.is_head else response.body
            self.transport.write(b"".join((STATUS_LINE[response.status], *lines, b"\r\n", body)))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
