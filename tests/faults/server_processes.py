"""Server processes that can be told to end, and that many webhooks come to."""

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
    """A running server, and where it listens."""

    process: "subprocess.Popen[str]"
    origin: str

    def terminate(self) -> None:
        """Tell it to end in good order."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit status."""
        return self.process.wait(END_SECONDS)


@contextmanager
def server_process(
    environ: Mapping[str, str], command: Sequence[str] = (FRONTDESK, "serve", "--port", "0")
) -> Iterator[ServerProcess]:
    """A server that obeys the permissions of files, whoever runs the tests."""
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
    """Without this root could write anything. Fails for anybody else, who could not anyhow."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def post_all(
    webhooks: Sequence[tuple[str, SimulatedRequest]], at_once: int
) -> list[tuple[int, bytes]]:
    """The status and body that each gets from the server at the origin beside it."""
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
