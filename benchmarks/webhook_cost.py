"""Process webhooks without HTTP, and print the CPU time and the statements of one.

    DATA_DIR=... python -m benchmarks.webhook_cost FILE

FILE holds prepared requests. The median of the CPU times is printed, and the mean of the
statements. The first webhooks warm up, and count for nothing.
"""

import json
import os
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from dependency_injector import providers

from application.ports.webhook_parser import WebhookRequest
from benchmarks.load import read_requests
from benchmarks.webhooks import ORIGIN
from entrypoints.composition.backends import DATABASE_FILE
from entrypoints.composition.container import build_container
from infrastructure.sqlite.database import SqliteDatabase

WARM_UP = 5
OK = 200


def read_request(content: bytes) -> WebhookRequest:
    """The request of a prepared HTTP request."""
    head, _, body = content.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split()
    pairs = (line.split(": ", 1) for line in lines)
    headers = tuple((name.lower(), value) for name, value in pairs)
    return WebhookRequest(method, ORIGIN + path, headers, body, datetime.now(UTC))


def main() -> None:
    """Process the requests of the file that is named."""
    statements: list[str] = []
    container = build_container(os.environ)
    path = container.settings().data_dir / DATABASE_FILE
    database = SqliteDatabase(path, on_statement=statements.append)
    container.database.override(providers.Object(database))
    receive = container.receive_webhook()
    requests = [read_request(content) for content in read_requests(Path(sys.argv[1]))]
    times: list[float] = []
    for number, request in enumerate(requests):
        if number == min(WARM_UP, len(requests) - 1):
            statements.clear()
            times.clear()
        started = time.process_time_ns()
        if receive(request).status != OK:
            sys.exit("a webhook was refused")
        times.append((time.process_time_ns() - started) / 1e6)
    database.close()
    cost = {"cpu_ms": statistics.median(times), "statements": len(statements) / len(times)}
    sys.stdout.write(json.dumps(cost))


if __name__ == "__main__":
    main()
