"""Connections on which nothing arrives, and such as arrive slowly."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from entrypoints.http.limits import connections
from entrypoints.http.limits.descriptors import ConnectionLimits
from entrypoints.http.server import listen, server_config

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"


@contextmanager
def serving(room: ConnectionLimits) -> Iterator[int]:
    """A server, and the port on which it listens."""
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    server = uvicorn.Server(server_config(app, room))
    with closing(listen("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with serving(ConnectionLimits()) as port:
        yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_connection_on_which_nothing_comes_is_closed(port: int) -> None:
    with connect(port) as client:
        assert client.recv(1000) == b""


def test_headers_that_come_byte_by_byte_are_cut_off(port: int) -> None:
    with connect(port) as client:
        client.sendall(HEAD)
        client.settimeout(0.05)
        sent = 0
        while not is_closed(client):
            client.sendall(b"x")
            sent += 1
    assert 1 <= sent < 50


def get(client: socket.socket) -> bytes:
    """The whole answer to a request."""
    client.sendall(HEAD + b"\r\n")
    answer = b""
    while not answer.endswith(b"here"):
        answer += client.recv(1000)
    return answer


@pytest.mark.parametrize("used", [False, True], ids=["never used", "kept alive"])
def test_beyond_the_limit_the_connection_that_has_waited_longest_makes_room(used: bool) -> None:
    with serving(ConnectionLimits(connections=5)) as port, ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(5)]
        if used:
            assert all(b"200 OK" in get(client) for client in clients)
        for longest in clients[:3]:
            assert b"200 OK" in get(stack.enter_context(connect(port)))
            longest.settimeout(2)  # later it would be closed anyhow
            assert longest.recv(1000) == b""
        assert b"200 OK" in get(clients[4])


def never_read(port: int, stack: ExitStack) -> socket.socket:
    """A client that asks for more and more, and reads none of the answers."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full
    client.connect(("127.0.0.1", port))
    client.settimeout(1)
    with suppress(TimeoutError):
        while True:
            client.sendall((HEAD + b"\r\n") * 1000)
    return client


def test_whoever_reads_no_answers_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.3)
    with serving(ConnectionLimits()) as port, ExitStack() as stack, pytest.raises(ConnectionError):
        never_read(port, stack)


def test_beyond_the_limit_whoever_reads_no_answers_makes_room() -> None:
    with serving(ConnectionLimits(connections=5)) as port, ExitStack() as stack:
        for _ in range(5):
            never_read(port, stack)
        time.sleep(0.5)  # the server is still busy with what it was asked for
        for _ in range(5):
            assert b"200 OK" in get(stack.enter_context(connect(port)))


def is_closed(client: socket.socket) -> bool:
    """Whether the other side has closed, or does so before time is out."""
    try:
        return client.recv(1000) == b""
    except TimeoutError:
        return False


def test_a_second_request_on_a_connection_has_its_time_too(port: int) -> None:
    with connect(port) as client:
        assert b"200 OK" in get(client)
        client.sendall(HEAD)
        assert client.recv(1000) == b""
