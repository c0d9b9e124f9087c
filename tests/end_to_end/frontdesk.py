"""The real application behind real HTTP in this process, so that tests can inspect it."""

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
from domain.routing import ALL_QUEUES
from entrypoints.composition.container import Container
from entrypoints.http.app import create_app
from entrypoints.http.server import check_ready, listen, webhook_endpoint
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.builders import a_conversation
from tests.end_to_end.providers import Providers

BACKENDS = ("sqlite", "memory")
AWS = "aws"
on_aws_too = pytest.mark.parametrize("backend", [*BACKENDS, AWS], indirect=True)
"""For modules whose tests must hold on every storage; each test takes longer on AWS."""

MANY = 10_000


class Response(NamedTuple):
    """The response that a provider receives."""

    status: int
    content_type: str | None
    body: bytes
    headers: Mapping[str, str]

    @property
    def shown(self) -> tuple[int, str | None, bytes]:
        """Status, content type and body, without the other headers."""
        return self[:3]


@dataclass(frozen=True)
class RunningFrontDesk:
    """A running front desk: webhooks for it, and access to what it stores."""

    container: Container
    origin: str
    client: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=64, retries=False, timeout=30)
    )

    @property
    def data_dir(self) -> Path:
        """The directory of its files."""
        return self.container.settings().data_dir

    @property
    def providers(self) -> Providers:
        """The development accounts, which it uses without real secrets."""
        return Providers.of(keep_development_credentials(self.data_dir))

    def url(self, path: str) -> str:
        """The URL of a channel's webhooks, or of any path."""
        return self.origin + (path if path.startswith("/") else f"/webhooks/{path}")

    def webhook(self, channel: ChannelType, **wanted: Any) -> SimulatedRequest:
        """A validly signed webhook."""
        return self.providers.webhook(self.url(channel), channel, **wanted)

    def post(self, webhook: SimulatedRequest, method: str = "POST", **options: Any) -> Response:
        """Post ``webhook`` byte for byte; return the response."""
        response = self.client.request(
            method, webhook.url, body=webhook.body, headers=webhook.headers, **options
        )
        return Response(
            response.status, response.headers.get("content-type"), response.data, response.headers
        )

    def given_conversation(self, channel: ChannelType, **changes: Any) -> Conversation:
        """Open a conversation in the store, without a company unless ``changes`` name one."""
        nobodys = dict.fromkeys(
            ("company_id", "project_id", "company_name", "credentials_reference")
        )
        wanted = a_conversation(channel, **{**nobodys, **changes})
        conversation, _ = self.container.conversation_store().open_conversation(wanted)
        return conversation

    def contexts(self) -> dict[str, list[ContextObject]]:
        """Receive all contexts, by queue. They are hidden afterwards, so call it once."""
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
        """The messages from unknown senders."""
        return [
            record.message for record in self.container.message_store().list_unmatched(MANY).items
        ]

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """All dead letters."""
        return self.container.dead_letters().list_dead_letters(MANY)

    def counted(self, metric: str, **dimensions: str) -> int:
        """The total of a counter."""
        metrics = self.container.metrics()
        assert isinstance(metrics, MemoryMetrics)
        return metrics.total(metric, **dimensions)

    def stored_state(self) -> tuple[object, ...]:
        """Everything stored anywhere, to be compared before and after a request."""
        records = (
            self.container.conversation_store().list_conversations(MANY),
            self.unmatched(),
            self.dead_letters(),
            self.container.context_queue().depths(),
        )
        # Last, because reading a database may create files.
        files = {path: path.read_bytes() for path in self.data_dir.rglob("*") if path.is_file()}
        return (*records, files)


class Host:
    """Passes requests on to the application of the current test."""

    def __init__(self, listener: socket.socket) -> None:
        self.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@contextmanager
def hosting() -> Iterator[Host]:
    """A server on a free port. Starting one for each test would take most of the time."""
    with closing(listen("127.0.0.1", 0)) as listener:
        host = Host(listener)
        config = uvicorn.Config(host, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield host
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serving(host: Host, container: Container) -> Iterator[RunningFrontDesk]:
    """The front desk of ``container`` behind ``host``."""
    host.app = create_app(webhook_endpoint(container), lambda: check_ready(container))
    frontdesk = RunningFrontDesk(container, host.origin)
    try:
        yield frontdesk
    finally:
        frontdesk.client.clear()
        host.app = None
        container.shutdown_resources()
