"""Server processes that a test can terminate, and many webhooks to them at once."""

import ctypes
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from infrastructure.channels.provider import SimulatedRequest
from tests.end_to_end.process import FRONTDESK

END_SECONDS = 30
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


@dataclass(frozen=True)
class ServerProcess:
    """A running server at ``origin``."""

    process: "subprocess.Popen[str]"
    origin: str

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(END_SECONDS)


@contextmanager
def server_process(
    environ: Mapping[str, str], command: Sequence[str] = (FRONTDESK, "serve", "--port", "0")
) -> Iterator[ServerProcess]:
    """A server that obeys file permissions even if root runs the tests."""
    with subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=_obey_permissions,  # noqa: PLW1509 - one call of the system
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None
            yield ServerProcess(process, found.group())
        finally:
            process.kill()


def _obey_permissions() -> None:
    """Drop root's right to ignore permissions. It fails for other users, who lack that right."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def post_all(
    webhooks: Sequence[tuple[str, SimulatedRequest]], at_once: int
) -> list[tuple[int, bytes]]:
    """Post each webhook to its origin; return status and body of each response."""
    client = urllib3.PoolManager(maxsize=at_once, retries=False, timeout=60)

    def post(to: tuple[str, SimulatedRequest]) -> tuple[int, bytes]:
        origin, webhook = to
        url = origin + urlsplit(webhook.url).path
        response = client.request("POST", url, body=webhook.body, headers=webhook.headers)
        return response.status, response.data

    with ThreadPoolExecutor(at_once) as pool:
        responses = list(pool.map(post, webhooks))
    client.clear()
    return responses
