"""A file leaves the server so that a browser saves it, or shows a picture, and runs nothing."""

import logging
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from urllib3.exceptions import IncompleteRead, ProtocolError

from application.conversations.open_attachment import OpenedAttachment
from application.ports.byte_stream import ByteStream
from domain.errors import MediaRefusedError
from entrypoints.http import attachment_response
from entrypoints.http.attachment_response import AttachmentResponse, content_disposition
from tests.application.frontdesk import FrontDesk
from tests.entrypoints.http.served import Served, serving

SAVED = "application/octet-stream"


class Files:
    """Opens what a test puts there, and sees when it is closed."""

    def __init__(self) -> None:
        self.chunks: Callable[[], Iterator[bytes]] = lambda: iter([b"file"])
        self.size_bytes: int | None = None
        self.media_type = SAVED
        self.file_name = "a.txt"
        self.closed = Event()
        self.threads = CapacityLimiter(1)

    def respond(self, _: Request) -> Response:
        stream = ByteStream(self.chunks(), self.size_bytes, self.closed.set)
        opened = OpenedAttachment(stream, self.media_type, self.file_name)
        return AttachmentResponse(opened, self.threads)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Files, Served]]:
    files = Files()
    app = Starlette(routes=[Route("/file", files.respond)])
    with serving(FrontDesk(), app=app) as served:
        yield files, served


@pytest.fixture
def files(running: tuple[Files, Served]) -> Files:
    running[0].__init__()  # type: ignore[misc]  # as new for each test
    return running[0]


@pytest.fixture
def served(running: tuple[Files, Served]) -> Served:
    return running[1]


def test_file_is_sent_whole_and_closed(files: Files, served: Served) -> None:
    files.chunks = lambda: iter([b"ab" * 40_000, b"c"])
    files.size_bytes = 80_001
    response = served.call("GET", "/file", b"")
    assert (response.status, response.data) == (200, b"ab" * 40_000 + b"c")
    assert response.headers["content-length"] == "80001"
    assert files.closed.wait(10)


def test_file_of_unknown_size_is_sent_whole(files: Files, served: Served) -> None:
    files.chunks = lambda: iter([b"a", b"b"])
    response = served.call("GET", "/file", b"")
    assert response.data == b"ab"
    assert "content-length" not in response.headers


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [(SAVED, "attachment"), ("image/png", "inline"), ("image/webp", "inline")],
)
def test_only_a_picture_may_be_shown(
    files: Files, served: Served, media_type: str, kind: str
) -> None:
    files.media_type = media_type
    headers = served.call("GET", "/file", b"").headers
    assert headers["content-type"] == media_type
    assert headers["content-disposition"] == f'{kind}; filename="a.txt"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; frame-ancestors 'none'"
    assert headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("size_bytes", [None, 100])
def test_file_that_breaks_off_is_not_taken_for_whole(
    files: Files, served: Served, size_bytes: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"begins"
        raise MediaRefusedError("the file is larger than 25 MB")

    files.chunks, files.size_bytes = broken, size_bytes
    with caplog.at_level(logging.WARNING), pytest.raises((ProtocolError, IncompleteRead)):
        served.call("GET", "/file", b"")
    assert files.closed.wait(10)
    (line,) = [record for record in caplog.records if record.name.startswith("entrypoints")]
    assert (line.msg, vars(line)["reason"]) == (
        "attachment broke off",
        "the file is larger than 25 MB",
    )


def test_reader_who_takes_too_long_is_given_up(
    files: Files, served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(attachment_response, "SEND_SECONDS", 0.2)
    files.chunks = lambda: iter([bytes(65536)] * 10_000)
    with caplog.at_level(logging.WARNING), served.connect() as client:
        client.sendall(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert files.closed.wait(10)
    (line,) = [record for record in caplog.records if record.name.startswith("entrypoints")]
    assert vars(line)["reason"] == "its reader took too long"


def test_file_is_closed_when_its_reader_goes_away(files: Files, served: Served) -> None:
    reads = Event()

    def endless() -> Iterator[bytes]:
        while True:
            reads.set()
            yield bytes(65536)

    files.chunks = endless
    with served.connect() as client:
        client.sendall(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1)
        assert reads.wait(10)
    assert files.closed.wait(10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("é€.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A9%E2%82%AC.txt"),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"),
        ("a'(b)*", 'attachment; filename="a\'(b)*"'),
        ("é'(", "attachment; filename=\"_'(\"; filename*=UTF-8''%C3%A9%27%28"),
        ("a\r\nX: b", "attachment; filename=\"a__X: b\"; filename*=UTF-8''a%0D%0AX%3A%20b"),
    ],
)
def test_name_stands_in_the_header_in_ascii_and_in_utf_8(name: str, value: str) -> None:
    assert content_disposition("attachment", name) == value
