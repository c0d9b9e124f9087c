"""A real server on an emulator that it reaches through a front, and what comes of webhooks."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import urllib3

from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.emulators import EmulatedAws
from tests.end_to_end.aws import settings_on_aws
from tests.end_to_end.aws_front import AwsFront, aws_front
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import SMS
from tests.processes import Server, environment, run

ORIGIN = "https://hooks.example.com"
RECOVERY_SECONDS = 30.0


@dataclass
class Installation:
    """The settings of a server on the emulator, which it reaches through ``front``."""

    directory: Path
    front: AwsFront
    aws: EmulatedAws
    environ: dict[str, str]

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def lines(self) -> list[dict[str, Any]]:
        """What the server has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def reasons(self, level: str) -> list[str]:
        return [line.get("reason", "") for line in self.lines() if line["level"] == level]

    def refusal(self) -> str:
        """What the server says when it refuses to start."""
        result = run("serve", "--port", "0", environ=self.environ)
        assert (result.returncode, result.stdout) == (1, "")
        return result.stderr.rstrip("\n")

    def webhook(self, body: str) -> SimulatedRequest:
        providers = Providers.of(keep_development_credentials(self.directory / "data"))
        return providers.webhook(f"{ORIGIN}/webhooks/sms", SMS, body=body)

    def contexts(self) -> list[str]:
        """The bodies of what is on the queue of replies; takes it."""
        url = self.environ["SMS_REPLIES_QUEUE_URL"].replace(self.front.origin, self.front.endpoint)
        bodies: list[str] = []
        while messages := self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            bodies += [json.loads(one["Body"])["message"]["body"] for one in messages]
        return bodies

    def spooled(self) -> int:
        url = self.environ["SPOOL_QUEUE_URL"].replace(self.front.origin, self.front.endpoint)
        counts = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return int(counts["Attributes"]["ApproximateNumberOfMessages"])


@contextmanager
def installation_on(aws: EmulatedAws, directory: Path) -> Iterator[Installation]:
    """An installation that has all of its tables and queues, and opens conversations."""
    own = {"PUBLIC_BASE_URL": ORIGIN, "UNKNOWN_SENDER": "open"}
    settings = settings_on_aws(aws, directory / "data", own)
    with aws_front(aws.environ["AWS_ENDPOINT_URL"]) as front:
        environ = environment(directory / "data", **front.environ(settings))
        yield Installation(directory, front, aws, environ)


def shown(server: Server, webhook: SimulatedRequest) -> tuple[int, str | None, bytes]:
    """The answer to ``webhook``."""
    response = urllib3.request(
        "POST",
        f"{server.origin}/webhooks/sms",
        body=webhook.body,
        headers=dict(webhook.headers),
        retries=False,
        timeout=30,
    )
    return response.status, response.headers.get("content-type"), response.data


def forged(webhook: SimulatedRequest) -> SimulatedRequest:
    return replace(webhook, body=webhook.body + b"&x=1")


def readiness(server: Server) -> tuple[int, dict[str, str]]:
    response = urllib3.request("GET", f"{server.origin}/readyz", retries=False, timeout=30)
    return response.status, response.json()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until ``holds`` does."""
    ends_at = time.monotonic() + RECOVERY_SECONDS
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.2)


def until_ready(server: Server) -> None:
    eventually(lambda: readiness(server)[0] == 200)


def arrived(installation: Installation, number: int) -> list[str]:
    found: list[str] = []
    ends_at = time.monotonic() + RECOVERY_SECONDS
    while len(found) < number and time.monotonic() < ends_at:
        found += installation.contexts()
        time.sleep(0.2)
    return sorted(found)
