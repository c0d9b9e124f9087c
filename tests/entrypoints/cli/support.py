"""Run the command in this process, against a server with prepared responses."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from click.testing import CliRunner, Result

from entrypoints.cli.main import cli


def run_frontdesk(*arguments: str) -> Result:
    """Run ``frontdesk ARGUMENTS``: its output and its exit status."""
    return CliRunner().invoke(cli, list(arguments))


def json_lines(result: Result) -> list[dict[str, Any]]:
    """The records of JSON Lines output, of a command that succeeded."""
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def error_line(result: Result, status: int) -> str:
    """The one line on standard error of a command that ended with ``status``."""
    assert result.exit_code == status, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.rstrip("\n")


def cursor_in(text: str) -> str:
    """The cursor of the next page, which a list ends with."""
    return text.rstrip("\n").rpartition(": go on with --after ")[2]


@dataclass
class Received:
    """One request that the server received."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeServer:
    """Sends the next of ``answers`` to each request; the last one is repeated."""

    answers: Sequence[tuple[int, str, bytes]]
    url: str = ""
    received: list[Received] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    clients: set[tuple[str, int]] = field(default_factory=set)
    asked: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, request: Received) -> tuple[int, str, bytes]:
        """Record ``request`` and return its response."""
        self.asked.set()
        with self.lock:
            self.received.append(request)
            return self.answers[min(len(self.received), len(self.answers)) - 1]


OK = (200, "text/xml", b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>')


class _QuietServer(ThreadingHTTPServer):
    """Ignores clients that disconnect before the response."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def a_server(*answers: tuple[int, str, bytes]) -> Iterator[FakeServer]:
    """An HTTP server on this machine for as long as the block lasts."""
    fake = FakeServer(answers or (OK,))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fake.clients.add(self.client_address)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, content_type, content = fake.next_answer(Received(self.path, headers, body))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Say nothing."""

    with _QuietServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


SMS = ("send", "sms", "--from", "+14155550123")
WHATSAPP = ("send", "whatsapp", "--from", "+14155550123")
EMAIL = ("send", "email", "--from", "ana@example.com")


def form(server: FakeServer, number: int = 0) -> dict[str, str]:
    """A Twilio form that the server received."""
    fields = parse_qs(server.received[number].body.decode(), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
