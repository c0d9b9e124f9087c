"""The real application behind real HTTP, in this process: everything of it can be looked at."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from application.ports.context_queue import DelayedReader
from application.ports.dead_letters import DeadLetter
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.conversations import Conversation
from domain.messages import InboundMessage
from domain.queues import ALL_QUEUES
from entrypoints.composition.container import Container
from entrypoints.http.app import create_app
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.mount import guarded_routes
from entrypoints.http.server import listen, server_config, webhook_endpoint
from entrypoints.http.webhooks.endpoint import ArrivingWebhook, WebhookEndpoint
from entrypoints.operations.start_checks import check_ready
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.builders import a_conversation
from tests.end_to_end.providers import Providers

BACKENDS = ("sqlite", "memory")
AWS = "aws"
on_aws_too = pytest.mark.parametrize("backend", [*BACKENDS, AWS], indirect=True)
"""For modules about what must hold wherever it is kept; every test there takes longer on AWS."""

MANY = 10_000


class Response(NamedTuple):
    """What a provider gets back, as far as it looks."""

    status: int
    content_type: str | None
    body: bytes
    headers: Mapping[str, str]

    @property
    def shown(self) -> tuple[int, str | None, bytes]:
        """All of it but the headers that say when and how."""
        return self[:3]


@dataclass(frozen=True)
class RunningFrontDesk:
    """A running front desk, what comes to it, and what it keeps."""

    container: Container
    origin: str
    client: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=64, retries=False, timeout=30)
    )

    @property
    def data_dir(self) -> Path:
        """Where it keeps its files."""
        return self.container.settings().data_dir

    @property
    def providers(self) -> Providers:
        """The accounts that it believes without real secrets."""
        return Providers.of(keep_development_credentials(self.data_dir))

    def url(self, path: str) -> str:
        """Where webhooks are posted to: a channel, or any path."""
        return self.origin + (path if path.startswith("/") else f"/webhooks/{path}")

    def webhook(self, channel: ChannelType, **wanted: Any) -> SimulatedRequest:
        """A webhook that it will believe."""
        return self.providers.webhook(self.url(channel), channel, **wanted)

    def post(self, webhook: SimulatedRequest, method: str = "POST", **options: Any) -> Response:
        """The answer to ``webhook``, posted byte for byte."""
        response = self.client.request(
            method, webhook.url, body=webhook.body, headers=webhook.headers, **options
        )
        return Response(
            response.status, response.headers.get("content-type"), response.data, response.headers
        )

    def given_conversation(self, channel: ChannelType, **changes: Any) -> Conversation:
        """A conversation as it stands in the store, of nobody's company unless told."""
        nobodys = dict.fromkeys(
            ("company_id", "project_id", "company_name", "credentials_reference")
        )
        wanted = a_conversation(channel, **{**nobodys, **changes})
        conversation, _ = self.container.conversation_store().open_conversation(wanted)
        return conversation

    def contexts(self) -> dict[str, list[ContextObject]]:
        """All that is on each queue that is not empty. Takes it: ask once."""
        reader = self.container.context_queue()
        receive = (
            reader.receive_with_delayed if isinstance(reader, DelayedReader) else reader.receive
        )
        found = {
            str(queue): [delivery.context for delivery in receive(queue, MANY)]
            for queue in ALL_QUEUES
        }
        return {queue: contexts for queue, contexts in found.items() if contexts}

    def unmatched(self) -> list[InboundMessage]:
        """What unknown senders wrote."""
        return [
            record.message for record in self.container.message_store().list_unmatched(MANY).items
        ]

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """What could not be processed."""
        return tuple(self.container.dead_letters().each_dead_letter())

    def counted(self, metric: str, **dimensions: str) -> int:
        """The total of a counter."""
        metrics = self.container.metrics()
        assert isinstance(metrics, MemoryMetrics)
        return metrics.total(metric, **dimensions)

    def stored_state(self) -> tuple[object, ...]:
        """Everything that it keeps anywhere, to be compared with what it kept before."""
        records = (
            self.container.conversation_store().list_conversations(MANY).items,
            self.unmatched(),
            self.dead_letters(),
            self.container.context_queue().depths(),
        )
        # Last, for asking a database may create files.
        files = {path: path.read_bytes() for path in self.data_dir.rglob("*") if path.is_file()}
        # The refusals are counted, without anything of what was refused.
        files.pop(self.data_dir / "refusals", None)
        return (*records, files)


class Host:
    """Listens for whichever application is there at the moment."""

    def __init__(self, listener: socket.socket) -> None:
        self.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.app: ASGIApp | None = None
        self.endpoint: WebhookEndpoint | None = None

    def open_webhook(self, scope: Mapping[str, Any]) -> ArrivingWebhook | None:
        assert self.endpoint is not None
        return self.endpoint.open(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@contextmanager
def hosting() -> Iterator[Host]:
    """A server on a free port. Starting one for each test would take most of the time."""
    with closing(listen("127.0.0.1", 0)) as listener:
        host = Host(listener)
        server = uvicorn.Server(server_config(host, host.open_webhook, ConnectionLimits()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield host
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serving(host: Host, container: Container) -> Iterator[RunningFrontDesk]:
    """The desk of ``container`` behind ``host``."""
    host.endpoint = webhook_endpoint(container)
    host.app = create_app(
        host.endpoint.receive_webhook, lambda: check_ready(container), guarded_routes(container)
    )
    frontdesk = RunningFrontDesk(container, host.origin)
    try:
        yield frontdesk
    finally:
        frontdesk.client.clear()
        host.endpoint.close()
        host.app = host.endpoint = None
        container.shutdown_resources()
