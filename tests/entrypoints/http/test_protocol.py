"""Webhooks over raw connections, in every form in which HTTP lets them arrive."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from entrypoints.http.limits import connection_timeouts
from tests.application.frontdesk import FrontDesk, StubParser
from tests.entrypoints.http.served import Served, serving

PATH = "/webhooks/sms"
CHUNKED = "transfer-encoding: chunked"
THANKS = b"thanks"
LAST = "connection: close"


@dataclass
class SeeingParser(StubParser):
    """Keeps what it is asked to verify."""

    seen: list[WebhookRequest] = field(default_factory=list)

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        self.seen.append(request)
        return super().validate(request)


async def parts() -> object:
    for part in ("one ", "two ", "three"):
        yield part


async def stream(_: Request) -> Response:
    return StreamingResponse(parts())  # type: ignore[arg-type]  # an asynchronous generator


async def echo(request: Request) -> Response:
    return PlainTextResponse(f"{request.url.path} {len(await request.body())}")


@pytest.fixture(scope="module")
def parser() -> SeeingParser:
    return SeeingParser()


@pytest.fixture(scope="module")
def served(parser: SeeingParser) -> Iterator[Served]:
    app = Starlette(
        routes=[
            Route("/stream", stream),
            Route("/{path:path}", echo, methods=["GET", "POST"]),
        ]
    )
    with serving(FrontDesk(parser=parser), app=app) as running:
        yield running


def a_webhook(*headers: str, target: str = PATH, body: bytes = b"x", version: str = "1.1") -> bytes:
    """The bytes of a signed webhook."""
    length = () if CHUNKED in headers else (f"content-length: {len(body)}",)
    lines = (f"POST {target} HTTP/{version}", "host: x", "x-signature: right", *length, *headers)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def exchange(served: Served, *sent: bytes) -> bytes:
    """What comes back until the server closes the connection, which the last request asks for."""
    with served.connect() as client:
        for part in sent:
            client.sendall(part)
        return until_closed(client)


def until_closed(client: socket.socket) -> bytes:
    received = b""
    while part := client.recv(65_536):
        received += part
    return received


def statuses(received: bytes) -> list[bytes]:
    """The statuses of all responses; no body of ours holds such a line."""
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


def test_webhook_that_is_split_anywhere_is_acknowledged(served: Served) -> None:
    webhook = a_webhook(LAST, body=b"Body=Hello")
    for position in range(1, len(webhook)):
        with served.connect() as client:
            client.sendall(webhook[:position])
            client.sendall(webhook[position:])
            assert until_closed(client).endswith(THANKS), position


def test_webhook_that_arrives_byte_by_byte_is_acknowledged(
    served: Served, parser: SeeingParser
) -> None:
    with served.connect() as client:
        for byte in a_webhook(LAST, body=b"Body=Hello"):
            client.sendall(bytes((byte,)))
            time.sleep(0.0005)
        assert until_closed(client).endswith(THANKS)
    assert parser.seen[-1].body == b"Body=Hello"


def test_body_in_chunks_is_put_together_without_its_trailers(
    served: Served, parser: SeeingParser
) -> None:
    chunks = b"3\r\nBod\r\n7;name=value\r\ny=Hello\r\n0\r\nx-signature: other\r\n\r\n"
    received = exchange(served, a_webhook(CHUNKED, LAST, body=chunks))
    assert received.endswith(THANKS)
    assert parser.seen[-1].body == b"Body=Hello"
    assert parser.seen[-1].header("x-signature") == "right"


def test_target_and_repeated_headers_reach_the_parser_as_they_were_sent(
    served: Served, parser: SeeingParser
) -> None:
    target = "/a%2Fb/%7euser/WebHooks/SMS/?b=%20&a=1+2&a=%e2?x"
    exchange(served, a_webhook("X-Twice: 1", "x-twice: 2", LAST, target=target))
    seen = parser.seen[-1]
    assert seen.url == f"http://x{target}"
    assert [value for name, value in seen.headers if name == "x-twice"] == ["1", "2"]


def test_many_webhooks_on_one_connection_are_all_acknowledged(served: Served) -> None:
    with served.connect() as client:
        for number in range(100):
            client.sendall(a_webhook(body=b"%d" % number))
            assert client.recv(65_536).endswith(THANKS)


def test_response_is_written_at_once(served: Served) -> None:
    with served.connect() as client:
        client.sendall(a_webhook())
        # One packet has all of it, for the socket delays none.
        assert client.recv(65_536).endswith(b"\r\n\r\n" + THANKS)


def test_pipelined_requests_are_answered_in_their_order(served: Served) -> None:
    get = b"GET /other/%d HTTP/1.1\r\nhost: x\r\n\r\n"
    requests = b"".join(
        get % number + a_webhook() + a_webhook(target="/sms", body=b"y" * 2000)
        for number in range(200)
    )
    received = exchange(served, requests + a_webhook(LAST))
    assert statuses(received) == [b"200", b"200", b"413"] * 200 + [b"200"]
    places = [received.index(b"/other/%d 0" % number) for number in range(200)]
    assert places == sorted(places)


def test_old_version_of_http_closes_the_connection(served: Served) -> None:
    received = exchange(served, a_webhook("connection: keep-alive", version="1.0"))
    assert received.endswith(THANKS)
    assert b"connection: close" in received


def test_client_that_expects_it_is_told_to_continue(served: Served) -> None:
    with served.connect() as client:
        client.sendall(
            a_webhook("expect: 100-continue", LAST, body=b"")[:-2].replace(b": 0", b": 1") + b"\r\n"
        )
        assert client.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x")
        assert until_closed(client).endswith(THANKS)


def test_client_with_too_large_a_body_is_not_told_to_continue(served: Served) -> None:
    head = a_webhook("expect: 100-continue", body=b"y" * 5000).partition(b"\r\n\r\n")[0]
    with served.connect() as client:
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_head_of_a_webhook_path_is_refused_without_a_body(served: Served) -> None:
    received = exchange(served, f"HEAD {PATH} HTTP/1.1\r\nhost: x\r\n{LAST}\r\n\r\n".encode())
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: POST" in head
    assert body == b""


def test_body_after_an_early_refusal_is_skipped(served: Served) -> None:
    with served.connect() as client:
        client.sendall(a_webhook(body=b"y" * 5000)[:-3000])
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")
        client.sendall(b"y" * 3000 + a_webhook(LAST))
        assert until_closed(client).endswith(THANKS)


@pytest.mark.parametrize(
    ("target", "is_webhook"),
    [
        ("/v1/conversations/sms", False),
        ("/V1/email", False),
        ("/healthz/sms", False),
        ("/v1/webhooks/sms", True),
        ("/console/webhooks/Sms", True),
        ("/prod/v1/sms", True),
        ("/smsx", False),
    ],
)
def test_path_of_the_application_is_a_webhook_only_below_webhooks(
    served: Served, target: str, is_webhook: bool
) -> None:
    received = exchange(served, a_webhook(LAST, target=target))
    assert received.endswith(THANKS if is_webhook else f"{target} 1".encode())


def test_application_streams_its_answer(served: Served) -> None:
    response = served.client.request("GET", f"http://127.0.0.1:{served.port}/stream")
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.data == b"one two three"


@pytest.mark.parametrize(
    "garbage",
    [
        b"POST /webhooks/sms HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /webhooks/sms HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST /webhooks/sms HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"POST /webhooks/sms HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
        b"POST /webhooks/sms HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
)
def test_request_that_is_not_http_is_refused_with_400(served: Served, garbage: bytes) -> None:
    assert statuses(exchange(served, garbage)) == [b"400"]


def test_garbage_behind_a_webhook_is_no_answer_to_it(served: Served) -> None:
    assert statuses(exchange(served, a_webhook() + b"garbage\r\n\r\n")) in ([], [b"200"])


@pytest.mark.parametrize(
    "endless",
    [
        f"POST {PATH} HTTP/1.1\r\nx: ",
        f"POST {PATH}",
        f"POST {PATH} HTTP/1.1\r\n{CHUNKED}\r\n\r\n1\r\nx\r\n0\r\nx: ",
        f"POST {PATH} HTTP/1.1\r\n{CHUNKED}\r\n\r\n1;x=",
    ],
    ids=["header", "target", "trailer", "chunk extension"],
)
def test_endless_part_that_is_no_body_closes_the_connection(served: Served, endless: str) -> None:
    with served.connect() as client:
        client.sendall(endless.encode())
        sent = 0
        with suppress(ConnectionError):
            while sent < 64 * connection_timeouts.HEAD_BYTES:
                client.sendall(b"y" * 1000)
                sent += 1000
        assert sent < 64 * connection_timeouts.HEAD_BYTES


def test_only_some_of_many_pipelined_requests_are_begun(
    served: Served, parser: SeeingParser
) -> None:
    parser.seen.clear()
    with served.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(1)
        with suppress(TimeoutError):
            for _ in range(100_000):
                client.sendall(a_webhook() * 50)
        begun = len(parser.seen)
        time.sleep(0.3)
        assert len(parser.seen) - begun < 50  # nothing more is worked on for this client
    served.call("POST", PATH, x_signature="right")


@pytest.mark.parametrize("target", [PATH, "/other"])
def test_connection_ends_with_a_request_that_offers_another_protocol(
    served: Served, target: str
) -> None:
    """The parser would take the next request for that protocol, and it had no answer."""
    with served.connect() as client:
        client.sendall(a_webhook("connection: upgrade", "upgrade: h2c", target=target))
        assert b"connection: close" in until_closed(client).lower()
