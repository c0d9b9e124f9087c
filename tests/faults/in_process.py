"""The entrypoints called in this process, without a network."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dependency_injector import providers
from starlette.types import Message, Scope

from application.ports.webhook_parser import WebhookResponse
from entrypoints.aws_lambda.webhook_function import WebhookFunction
from entrypoints.composition.container import Container, build_container
from entrypoints.http.app import create_app
from entrypoints.http.server import webhook_endpoint
from entrypoints.public_urls import PublicUrls

MANY = 100_000
INTERNAL_HOST = "10.0.0.5:8000"
A_CLIENT = "198.51.100.7"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request as the server reads it; ``host`` is its ``Host`` header."""

    target: str
    body: bytes
    headers: Headers = ()
    host: str = INTERNAL_HOST
    scheme: str = "http"
    client: str = A_CLIENT
    method: str = "POST"

    def scope(self) -> Scope:
        """The request as an ASGI scope."""
        path, _, query = self.target.partition("?")
        headers = (("host", self.host), *self.headers)
        return {
            "type": "http",
            "method": self.method,
            "scheme": self.scheme,
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "client": (self.client, 40_000),
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ],
        }


@dataclass(frozen=True)
class StoredCounts:
    """The numbers of unmatched messages and of dead letters."""

    messages: int
    dead_letters: int


class InProcessFrontDesk:
    """A front desk in memory behind the HTTP app and the Lambda function. It sends nothing."""

    def __init__(self, container: Container, runner: asyncio.Runner) -> None:
        self.container = container
        self._runner = runner
        self._endpoint = webhook_endpoint(container)
        self._app = create_app(self._endpoint.receive_webhook, lambda: None)
        settings = container.settings()
        self._function = WebhookFunction(
            receive_webhook=container.receive_webhook(),
            public_urls=PublicUrls(settings.public_base_url, settings.webhook_urls),
            max_body_bytes=settings.max_body_bytes,
            clock=container.clock(),
            flush_metrics=lambda: None,
        )

    def close(self) -> None:
        """End its threads."""
        self._endpoint.close()

    def post(self, request: HttpRequest) -> int:
        """The status of the HTTP server's response to ``request``."""
        return self._runner.run(self._respond(request))

    async def _respond(self, request: HttpRequest) -> int:
        webhook = self._endpoint.open(request.scope())
        if webhook is None:
            return await self._respond_by_the_application(request)
        response: asyncio.Future[WebhookResponse] = asyncio.get_running_loop().create_future()
        webhook.begin(response.set_result)
        webhook.add(request.body)
        webhook.complete()
        return (await response).status

    async def _respond_by_the_application(self, request: HttpRequest) -> int:
        sent: list[Message] = []
        received = iter([{"type": "http.request", "body": request.body, "more_body": False}])

        async def receive() -> Message:
            return next(received, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(request.scope(), receive, send)
        return int(sent[0]["status"])

    def invoke(self, event: object) -> dict[str, Any]:
        """The Lambda function's response to ``event``."""
        return self._function(event)

    def stored_counts(self) -> StoredCounts:
        """The counts of stored data, to be compared before and after a request."""
        return StoredCounts(
            self.container.stores().backlog.count(MANY).unmatched,
            self.container.dead_letters().count(MANY),
        )


@contextmanager
def in_process_frontdesk(
    data_dir: Path,
    settings: Mapping[str, str],
    *,
    now: datetime | None = None,
    fallbacks_per_hour: int = 0,
) -> Iterator[InProcessFrontDesk]:
    """A front desk with ``settings``, and with a fixed clock if ``now`` is given."""
    environ = {
        "DATA_DIR": str(data_dir),
        "FALLBACK_MAX_PER_HOUR": str(fallbacks_per_hour),
        **settings,
    }
    container = build_container(environ, ephemeral=True)
    if now is not None:
        container.clock.override(providers.Object(lambda: now))
    with asyncio.Runner() as runner:
        frontdesk = InProcessFrontDesk(container, runner)
        yield frontdesk
    frontdesk.close()
    container.shutdown_resources()
