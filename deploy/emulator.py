"""AWS on this machine: ministack, on the loopback address, with IAM policies enforced."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deploy import linked_code
from deploy.package import ROOT

MINISTACK = ROOT / ".venv-ministack" / "bin"
"""An environment of its own: ministack pins its libraries exactly."""

APPLICATION = (
    *("ministack.app:app", "--lifespan", "on", "--loop", "uvloop", "--http", "httptools"),
    *("--ws", "none", "--no-access-log", "--no-server-header", "--no-date-header"),
    *("--no-proxy-headers", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "1"),
)
"""Options of uvicorn, as ministack sets its own server, which takes twice as long for a call."""

LINKED_CODE = Path(linked_code.__file__)
START_SECONDS = 30.0

_NOBODYS_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def ministack_server(port: int) -> tuple[str, ...]:
    """The command that runs ministack on ``port`` of the loopback address."""
    listen = ("--host", "127.0.0.1", "--port", str(port))
    return (str(MINISTACK / "uvicorn"), *APPLICATION, *listen)


@contextmanager
def emulated_aws(port: int, folder: Path) -> Iterator[dict[str, str]]:
    """Run it on ``port``; what a process needs in its environment to reach it, and nothing else.

    Everything that it keeps is in memory, its log and its functions' code in ``folder``.
    """
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), **_NOBODYS_ACCOUNT}
    server_environ = base | {
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
    }
    log = folder / "ministack.log"
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - ours
            [MINISTACK / "python", LINKED_CODE, *ministack_server(port)],
            env=server_environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(server, endpoint, log)
        yield {**base, "AWS_ENDPOINT_URL": endpoint}
    finally:
        server.terminate()
        server.wait()


def wait_until_healthy(server: "subprocess.Popen[bytes]", endpoint: str, log: Path) -> None:
    """Wait until it answers at ``endpoint``. Raises if it ends, or needs half a minute."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1).close()  # noqa: S310 - loopback
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            if server.poll() is None:
                return
    raise click.ClickException(f"ministack did not start: see {log}\n{log.read_text()[-2000:]}")
