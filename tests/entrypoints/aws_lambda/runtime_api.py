"""Lambda's Runtime API: gives events to the real runtime client and records its responses.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SECONDS = 30.0
"""The longest wait for a response; a real one is much faster."""


@dataclass
class RuntimeApi:
    """Lambda as one function sees it. ``reports`` holds (path, JSON) of each of its posts."""

    address: str = ""
    events: "queue.Queue[tuple[str, object]]" = field(default_factory=queue.Queue)
    reports: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)

    def invoke(self, request_id: str, event: object) -> tuple[str, Any]:
        """Send an event: ``response`` or ``error``, and what the function returned or raised."""
        self.events.put((request_id, event))
        path, content = self.reports.get(timeout=SECONDS)
        assert path.startswith(f"/2018-06-01/runtime/invocation/{request_id}/"), path
        return path.rpartition("/")[2], content


@contextmanager
def serving() -> Iterator[RuntimeApi]:
    """A Runtime API on a free port."""
    api = RuntimeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/restore/next"):
                self._answer(200, None, {})
                return
            request_id, event = api.events.get()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": "4102444800000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:x:1:function:webhooks",
            }
            self._answer(200, event, headers)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(202, {"status": "OK"}, {})
            api.reports.put((self.path, json.loads(content)))

        def _answer(self, status: int, content: object, headers: Mapping[str, str]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing: the function's output is what the test reads."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(
    api: RuntimeApi,
    environ: Mapping[str, str],
    log: Path,
    python: Sequence[str] = (sys.executable, "-m", "awslambdaric"),
) -> Iterator["subprocess.Popen[bytes]"]:
    """The function in a process of its own, which prints to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*python, "entrypoints.aws_lambda.webhook_handler.lambda_handler"],
            env={"PATH": os.environ["PATH"], **environ, "AWS_LAMBDA_RUNTIME_API": api.address},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
