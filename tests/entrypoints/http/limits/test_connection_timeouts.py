"""Timeouts of idle and slow connections."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from entrypoints.http.limits import connection_timeouts
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.server import listen, server_config

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"


async def answer(request: Request) -> Response:
    """Respond after the body has arrived."""
    await request.body()
    return PlainTextResponse("here")


@contextmanager
def serving(limits: ConnectionLimits) -> Iterator[int]:
    """A server, and the port on which it listens."""
    with closing(listen("127.0.0.1", 0)) as listener, accepting(listener, limits):
        yield listener.getsockname()[1]


@contextmanager
def accepting(listener: socket.socket, limits: ConnectionLimits) -> Iterator[None]:
    """A server on ``listener``; clients may have connected already."""
    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    server = uvicorn.Server(server_config(app, lambda _: None, limits))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connection_timeouts, "HEAD_SECONDS", 0.3)
    with serving(ConnectionLimits()) as port:
        yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_idle_connection_is_closed(port: int) -> None:
    with connect(port) as client:
        assert client.recv(1000) == b""


def test_connection_that_sends_headers_byte_by_byte_is_closed(port: int) -> None:
    with connect(port) as client:
        client.sendall(HEAD)
        client.settimeout(0.05)
        sent = 0
        while not is_closed(client):
            client.sendall(b"x")
            sent += 1
    assert 1 <= sent < 50


def get(client: socket.socket) -> bytes:
    """The complete response to a request."""
    client.sendall(HEAD + b"\r\n")
    answer = b""
    while not answer.endswith(b"here"):
        answer += client.recv(1000)
    return answer


@pytest.mark.parametrize("used", [False, True], ids=["never used", "kept alive"])
def test_new_connection_over_the_limit_closes_the_longest_idle_connection(used: bool) -> None:
    with serving(ConnectionLimits(connections=5)) as port, ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(5)]
        if used:
            assert all(b"200 OK" in get(client) for client in clients)
        for longest in clients[:3]:
            assert b"200 OK" in get(stack.enter_context(connect(port)))
            longest.settimeout(2)  # later the idle timeout would close it
            assert longest.recv(1000) == b""
        assert b"200 OK" in get(clients[4])


def test_connections_over_the_limit_that_arrive_together_close_one_each() -> None:
    with closing(listen("127.0.0.1", 0)) as listener, ExitStack() as stack:
        port = listener.getsockname()[1]
        clients = [stack.enter_context(connect(port)) for _ in range(20)]
        stack.enter_context(accepting(listener, ConnectionLimits(connections=5)))
        assert b"200 OK" in get(clients[-1])
        for client in clients:
            client.settimeout(0.1)
        assert [is_closed(client) for client in clients] == [True] * 15 + [False] * 5


def never_read(port: int, stack: ExitStack) -> socket.socket:
    """A client that sends requests until its buffer is full, and reads no response."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full
    client.connect(("127.0.0.1", port))
    client.settimeout(1)
    with suppress(TimeoutError):
        while True:
            client.sendall((HEAD + b"\r\n") * 1000)
    return client


def test_client_that_reads_no_response_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "READ_SECONDS", 0.3)
    with serving(ConnectionLimits()) as port, ExitStack() as stack, pytest.raises(ConnectionError):
        never_read(port, stack)


def test_new_connections_over_the_limit_replace_clients_that_read_no_response() -> None:
    with serving(ConnectionLimits(connections=5)) as port, ExitStack() as stack:
        for _ in range(5):
            never_read(port, stack)
        time.sleep(0.5)  # the server still works on those requests
        for _ in range(5):
            assert b"200 OK" in get(stack.enter_context(connect(port)))


def is_closed(client: socket.socket) -> bool:
    """Whether the server closes the connection before the client's timeout."""
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:  # it had not read all that was sent
        return True
    except TimeoutError:
        return False


def test_second_request_on_a_connection_has_a_header_timeout_too(port: int) -> None:
    with connect(port) as client:
        assert b"200 OK" in get(client)
        client.sendall(HEAD)
        assert client.recv(1000) == b""


def test_request_whose_body_takes_longer_than_the_header_timeout_succeeds(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
        time.sleep(0.5)
        client.sendall(b"x")
        assert b"200 OK" in client.recv(1000)
