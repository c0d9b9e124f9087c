"""A front before an emulator of AWS whose services a test takes down and brings back."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3
from typing_extensions import override

SERVICES = ("dynamodb", "sqs", "s3", "secretsmanager")
CONTEXTS = "contexts"
"""The queues of SQS but the spool's."""

HANG_SECONDS = 3.0
"""Longer than a client waits for an answer."""


class Answer(Enum):
    """How a service answers every request."""

    DOWN = "the connection is closed"
    SLOW = "nothing comes while the client waits"
    THROTTLED = "ThrottlingException"
    DENIED = "AccessDeniedException"


class AwsFront:
    """What each service does. Without an entry in ``answers`` it works."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.origin = ""
        self.answers: dict[str, Answer] = {}
        self.pool = urllib3.PoolManager(maxsize=64, retries=False)

    def let(self, answer: Answer, *services: str) -> None:
        """Let ``services`` answer like this from now on."""
        self.answers.update(dict.fromkeys(services, answer))

    def heal(self, *services: str) -> None:
        """Let ``services``, or all, work again."""
        for service in services or (*SERVICES, CONTEXTS):
            self.answers.pop(service, None)

    def answer_to(self, service: str, body: bytes) -> Answer | None:
        """The answer to a request; ``None`` where the emulator gives it."""
        if service == "sqs" and b".fifo" not in body:
            return self.answers.get(CONTEXTS) or self.answers.get("sqs")
        return self.answers.get(service)

    def environ(self, settings: Mapping[str, str]) -> dict[str, str]:
        """``settings`` that reach the emulator through this front."""
        return {name: text.replace(self.endpoint, self.origin) for name, text in settings.items()}


@contextmanager
def aws_front(endpoint: str) -> Iterator[AwsFront]:
    """A front before the emulator at ``endpoint``."""
    front = AwsFront(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            match front.answer_to(_service(self.headers), body):
                case None:
                    self._forward(body)
                case Answer.DOWN:
                    self.close_connection = True
                case Answer.SLOW:
                    time.sleep(HANG_SECONDS)
                    self.close_connection = True
                case Answer.THROTTLED | Answer.DENIED as answer:
                    self._refuse(answer)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815 - as http.server calls them

        def _forward(self, body: bytes) -> None:
            answer = front.pool.request(
                self.command,
                front.endpoint + self.path,
                body=body,
                headers=dict(self.headers),
                decode_content=False,
            )
            self._answer(answer.status, answer.headers, answer.data)

        def _refuse(self, answer: Answer) -> None:
            if _service(self.headers) == "s3":
                status = 403 if answer is Answer.DENIED else 503
                self._answer(status, {}, b"")
            else:
                content = json.dumps({"__type": answer.value, "message": "no"}).encode()
                self._answer(400, {"Content-Type": "application/x-amz-json-1.0"}, content)

        def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                with suppress(BrokenPipeError):  # a client that waits no longer
                    self.wfile.write(content)

        @override
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        front.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield front
        server.shutdown()
        thread.join()


def _service(headers: Message) -> str:
    """The service for which a request is signed."""
    scope = headers.get("Authorization", "")
    return next((service for service in SERVICES if f"/{service}/aws4_request" in scope), "")
