"""A front desk behind the real HTTP protocol, and a client for it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
import uvicorn
from starlette.types import ASGIApp

from domain.errors import StorageUnavailableError
from entrypoints.http.app import create_app
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.server import listen, server_config
from entrypoints.http.webhooks.endpoint import WebhookEndpoint
from entrypoints.http.webhooks.request_reader import RequestReader
from entrypoints.public_urls import PublicUrls, RequestOrigin
from tests.application.frontdesk import FrontDesk

LIMIT = 1000
SLOTS = 4
REQUESTS = 50


class Served:
    """A front desk behind HTTP, and a client for it."""

    def __init__(self, frontdesk: FrontDesk, port: int, limit: int) -> None:
        self.frontdesk = frontdesk
        self.port = port
        self.endpoint = WebhookEndpoint(
            frontdesk.receive_webhook,
            RequestReader(PublicUrls(), RequestOrigin()),
            frontdesk.clock,
            max_body_bytes=limit,
            max_in_flight=SLOTS,
            max_requests=REQUESTS,
        )
        self.ready = True
        self.client = urllib3.PoolManager(retries=False, timeout=10)

    def call(
        self, method: str, path: str, body: bytes = b"x", **headers: str
    ) -> urllib3.BaseHTTPResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(
            method, f"http://127.0.0.1:{self.port}{path}", body=body, headers=names
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def check_ready(self) -> None:
        if not self.ready:
            raise StorageUnavailableError("no answer")


@contextmanager
def serving(
    frontdesk: FrontDesk, limit: int = LIMIT, app: ASGIApp | None = None
) -> Iterator[Served]:
    listener = listen("127.0.0.1", 0)
    served = Served(frontdesk, listener.getsockname()[1], limit)
    app = app or create_app(frontdesk.receive_webhook, served.check_ready)
    server = uvicorn.Server(server_config(app, served.endpoint.open, ConnectionLimits()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield served
    finally:
        served.client.clear()
        server.should_exit = True
        thread.join()
        listener.close()
        served.endpoint.close()
