"""A file at Twilio takes only so much time and size, and is whole or an error."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from threading import Event

import pytest

from application.ports.byte_stream import CHUNK_BYTES
from domain.errors import (
    MediaRefusedError,
    MediaUnavailableError,
)
from tests.infrastructure.channels.https_server import (
    Authority,
    Handle,
    Visit,
    Write,
    https_server,
    redirecting,
    responding,
    response,
)
from tests.infrastructure.channels.twilio.internet import (
    CDN,
    MEGABYTE,
    PLACE,
    Internet,
    a_source,
)
from tests.infrastructure.channels.twilio.webhooks import ACCOUNT_SID


def test_file_that_is_announced_as_too_large_is_refused_at_once(internet: Internet) -> None:
    internet.refused(
        responding(response(b"x", length=MEGABYTE + 1)), "larger than 1 MB", max_bytes=MEGABYTE
    )


def test_file_as_large_as_allowed_is_read(internet: Internet) -> None:
    content = bytes(MEGABYTE)
    assert internet.fetch(responding(response(content)), max_bytes=MEGABYTE) == content


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + end


def test_file_in_http_chunks_is_read(internet: Internet) -> None:
    assert internet.fetch(responding(chunked(b"a" * 100_000, b"b"))) == b"a" * 100_000 + b"b"


def test_many_small_http_chunks_become_few(authority: Authority) -> None:
    with (
        https_server(authority, responding(chunked(*[b"x"] * 100_000))) as server,
        closing(a_source(authority, server).fetch(PLACE, ACCOUNT_SID)) as stream,
    ):
        sizes = [len(chunk) for chunk in stream]
    assert sizes == [CHUNK_BYTES, 100_000 - CHUNK_BYTES]


def test_file_of_unknown_size_ends_at_the_limit(internet: Internet) -> None:
    def endless(_: Visit, write: Write, __: Event) -> None:
        write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    internet.refused(endless, "larger than 1 MB", max_bytes=MEGABYTE)


def test_file_without_a_length_ends_with_its_connection(internet: Internet) -> None:
    assert internet.fetch(responding(b"HTTP/1.1 200 OK\r\n\r\nfile")) == b"file"


@pytest.mark.parametrize(
    "cut",
    [
        response(b"x" * 100, length=200),
        chunked(b"x" * 100, end=b""),
        chunked(b"x" * 100, end=b"40\r\nxx"),
        chunked(b"x" * 100, end=b"no number\r\n"),
    ],
)
def test_file_that_breaks_off_is_an_error(internet: Internet, cut: bytes) -> None:
    internet.unavailable(responding(cut), "no file from api.twilio.com")


def test_connection_that_ends_without_goodbye_is_an_error(internet: Internet) -> None:
    def cut_off(_: Visit, write: Write, __: Event) -> None:
        write(b"HTTP/1.1 200 OK\r\n\r\nfile")
        raise ConnectionAbortedError

    internet.unavailable(cut_off)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x-unknown", "identity, gzip"])
def test_file_in_a_content_encoding_is_refused(internet: Internet, encoding: str) -> None:
    handle = responding(response(b"x", f"Content-Encoding: {encoding}"))
    internet.refused(handle, "in a content encoding")


def dripping(start: bytes, drop: bytes, seconds: float = 0.02) -> Handle:
    """``start`` and then ``drop`` for ever, slowly."""

    def drip(_: Visit, write: Write, is_over: Event) -> None:
        write(start)
        while not is_over.wait(seconds):
            write(drop)

    return drip


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(dripping(b"", b""), id="silence"),
        pytest.param(dripping(b"HTTP/1.1 200 O", b"K"), id="status"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"), id="headers"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX: ", b"1"), id="header"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue"),
        pytest.param(dripping(response(b"", length=999), b"x"), id="content"),
        pytest.param(dripping(chunked(end=b""), b"1\r\nx\r\n"), id="chunks"),
        pytest.param(dripping(chunked(end=b""), b"1"), id="chunk size"),
        pytest.param(dripping(chunked(b"x", end=b"0\r\n"), b"X: 1\r\n"), id="trailers"),
        pytest.param(dripping(response(b"", "Location: /a", status=302), b""), id="redirects"),
    ],
)
def test_dripping_server_is_given_up_when_the_time_is_over(
    internet: Internet, handle: Handle
) -> None:
    started_at = time.monotonic()
    with pytest.raises((MediaUnavailableError, MediaRefusedError), match=r"no file|redirects"):
        internet.fetch(handle, seconds=0.3)
    assert time.monotonic() - started_at < 10


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param((b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n" * 1000), id="headers"),
        pytest.param((b"HTTP/1.1 200 OK\r\nX: ", b"1" * 10_000), id="header"),
        pytest.param((b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500), id="continue"),
        pytest.param((chunked(end=b""), b"1" * 10_000), id="chunk size"),
        pytest.param((chunked(b"x", end=b"0\r\n"), b"X: 1\r\n" * 1000), id="trailers"),
    ],
)
def test_flood_around_the_content_is_given_up(
    internet: Internet, flood: tuple[bytes, bytes]
) -> None:
    handle, started_at = dripping(*flood, seconds=0), time.monotonic()
    internet.unavailable(handle, "no file from api.twilio.com", max_bytes=MEGABYTE, seconds=30)
    assert time.monotonic() - started_at < 20


def test_time_of_the_reader_does_not_count(authority: Authority) -> None:
    reader = Event()
    with (
        https_server(authority, responding(response(bytes(3 * CHUNK_BYTES)))) as server,
        closing(a_source(authority, server, seconds=0.3).fetch(PLACE, ACCOUNT_SID)) as stream,
    ):
        next(stream)
        reader.wait(0.4)
        assert len(b"".join(stream)) == 2 * CHUNK_BYTES


def test_time_of_the_resolver_counts(internet: Internet) -> None:
    is_over = Event()

    def resolve(host: str) -> Sequence[str]:
        is_over.wait(30)
        return []

    internet.unavailable(responding(response(b"x")), "TimeoutError", resolve=resolve, seconds=0.2)
    is_over.set()


@pytest.mark.parametrize("error", [OSError("no network"), UnicodeError("label too long")])
def test_host_that_cannot_be_resolved_is_unavailable(internet: Internet, error: Exception) -> None:
    def resolve(host: str) -> Sequence[str]:
        raise error

    internet.unavailable(responding(response(b"x")), "no file from", resolve=resolve)


def test_host_that_accepts_no_connection_is_given_up(internet: Internet) -> None:
    """Its queue is full: more attempts get no answer at all."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port, started_at = listener.getsockname()[1], time.monotonic()
        internet.unavailable(responding(response()), "TimeoutError", port=port, seconds=0.2)
        assert time.monotonic() - started_at < 20  # the system gives up after two minutes


def test_server_that_refuses_connections_is_unavailable(internet: Internet) -> None:
    internet.unavailable(responding(response(b"x")), "ConnectionRefusedError", port=9)


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"\r\n"]
)
def test_answer_that_is_no_http_is_unavailable(internet: Internet, garbage: bytes) -> None:
    internet.unavailable(responding(garbage), "no file from")


@pytest.mark.parametrize("when", ["refused", "redirected", "read", "closed early", "broken"])
def test_no_connection_stays_open(authority: Authority, when: str) -> None:
    handles: dict[str, Callable[[], Handle]] = {
        "refused": lambda: responding(response(b"", status=401)),
        "redirected": lambda: redirecting(CDN),
        "read": lambda: responding(response(b"file")),
        "closed early": lambda: responding(response(bytes(MEGABYTE))),
        "broken": lambda: responding(response(b"x", length=100)),
    }
    with https_server(authority, handles[when]()) as server:
        source = a_source(authority, server)
        try:
            with closing(source.fetch(PLACE, ACCOUNT_SID)) as stream:
                if when != "closed early":
                    assert b"".join(stream)
        except (MediaRefusedError, MediaUnavailableError):
            assert when in {"refused", "broken"}
        # A connection that is left open is a ResourceWarning, which is an error in tests.
        assert len(server.visits) == 1 + (when == "redirected")
