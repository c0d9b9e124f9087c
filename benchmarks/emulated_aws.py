"""AWS on this machine, with everything in it that the function needs."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulators import MINISTACK, OFFLINE_AWS, START_SECONDS, EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings

ACCOUNT_SID = "AC00000000000000000000000000000042"
AUTH_TOKEN = "the token of nobody"  # noqa: S105 - of nobody


@contextmanager
def function_environ() -> Iterator[dict[str, str]]:
    """Start an emulator, make tables, queues and bucket, and give the function's settings."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environ = {"PATH": os.environ["PATH"], "TMPDIR": folder, **OFFLINE_AWS}
        server = subprocess.Popen(  # noqa: S603 - our own
            [MINISTACK],
            env={**environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(f"{endpoint}/_ministack/health")
            yield _settings(EmulatedAws({"AWS_ENDPOINT_URL": endpoint, **OFFLINE_AWS}))
        finally:
            server.terminate()
            server.wait()


def _settings(aws: EmulatedAws) -> dict[str, str]:
    return {
        **aws_settings(aws),
        "UNKNOWN_SENDER": "open",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "LOG_LEVEL": "WARNING",
    }


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - on this machine
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
