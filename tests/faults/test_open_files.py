"""A client that opens more connections than the server may have open files."""

import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from tests.processes import FRONTDESK, environment, killed_server

FEW_FILES = ("sh", "-c", 'ulimit -n 320; exec "$@"', "sh", FRONTDESK, "serve", "--port", "0")


def test_connections_beyond_the_open_file_limit_do_not_delay_other_clients(tmp_path: Path) -> None:
    with killed_server(environment(tmp_path), FEW_FILES) as server, ExitStack() as stack:
        port = urlsplit(server.origin).port
        assert port is not None
        for _ in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        # Faster than the header timeout of the silent connections.
        for path, status in (("/readyz", 200), ("/webhooks/sms", 401)):
            method = "GET" if status == 200 else "POST"
            url = f"{server.origin}{path}"
            assert urllib3.request(method, url, timeout=5, retries=False).status == status
