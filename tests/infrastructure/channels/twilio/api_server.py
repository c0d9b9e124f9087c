"""Twilio's REST API on the loopback interface: an HTTP server with scripted responses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass(frozen=True)
class Scripted:
    """What the server does with a request: it responds, stays silent, or hangs up."""

    status: int = 201
    body: str = '{"sid": "SM00000000000000000000000000000001", "status": "queued"}'
    headers: tuple[tuple[str, str], ...] = ()
    is_silent: bool = False
    hangs_up: bool = False
    missing_bytes: int = 0


def an_error(status: int, code: int, message: str = "no") -> Scripted:
    """An error in the form of Twilio's REST API."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return Scripted(status, json.dumps(body))


@dataclass
class ApiServer:
    """The URL of the server, and the requests that it received."""

    url: str
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)


@contextmanager
def api_server(script: Scripted) -> Iterator[ApiServer]:
    """A server that handles every request as ``script`` says, until the block ends."""
    is_over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            form = self.rfile.read(length).decode()
            names = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.path, names, form))
            if script.is_silent:
                is_over.wait(30)
            elif not script.hangs_up:
                self._respond()

        do_GET = do_POST  # noqa: N815  # a redirect must not be followed to here either

        def _respond(self) -> None:
            content = script.body.encode()
            self.send_response(script.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content) + script.missing_bytes))
            for name, value in script.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server = ApiServer(f"http://127.0.0.1:{httpd.server_port}")
        thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            is_over.set()
            httpd.shutdown()
            thread.join()
