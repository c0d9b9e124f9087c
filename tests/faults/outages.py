"""Outages of the parts that a front desk needs, which a test begins and ends."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from dependency_injector import providers

from application.clock import WEBHOOK_BUDGET_SECONDS, Deadline, utc_now
from domain.errors import QueueRoutingError, SecretsUnavailableError, StorageUnavailableError
from entrypoints.composition.container import Container
from entrypoints.operations.background_jobs import drain_some, relay_some
from tests.faults.crash_operator import operate
from tests.faults.crash_webhooks import Case
from tests.faults.watched_ports import Watched, watch_ports

if TYPE_CHECKING:
    from botocore.client import BaseClient

CONVERSATIONS = ("conversations",)
STORE = (*CONVERSATIONS, "messages", "outbox", "throttle")
QUEUE = ("queue",)
SPOOL = ("spool",)
DEAD_LETTERS = ("dead_letters",)
BLOBS = ("blobs",)
SECRETS = ("secrets",)

SLOW_SECONDS = 0.1
"""Longer than a webhook's time budget while a part is slow."""

Failure = Callable[[str], AbstractContextManager[None]]
"""The behaviour around a call, by the name of the call."""


_ERRORS: Mapping[str, type[Exception]] = {
    "queue": QueueRoutingError,
    "secrets": SecretsUnavailableError,
}


def each(roles: tuple[str, ...], failure: Failure) -> dict[str, Failure]:
    """The same failure for all ``roles``."""
    return dict.fromkeys(roles, failure)


def _unavailable(name: str) -> Exception:
    return _ERRORS.get(_role(name), StorageUnavailableError)("internal text: outage")


def _role(name: str) -> str:
    return name.partition(".")[0]


@contextmanager
def down(name: str, *, always: bool = True) -> Iterator[None]:
    """The call fails before it has an effect."""
    if always:
        raise _unavailable(name)
    yield


@contextmanager
def response_lost(name: str) -> Iterator[None]:
    """The call has its effect, and its response is lost."""
    yield
    raise _unavailable(name)


@contextmanager
def buggy(name: str, *, always: bool = True) -> Iterator[None]:
    """The call raises an unexpected error."""
    if always:
        raise LookupError(f"internal text: {name}")
    yield


@contextmanager
def slow(name: str) -> Iterator[None]:
    """The call returns after the webhook's deadline."""
    yield
    time.sleep(SLOW_SECONDS)


def flapping() -> Failure:
    """Every second call fails, in turn before and after its effect."""
    numbers = count()

    @contextmanager
    def failure(name: str) -> Iterator[None]:
        turn = next(numbers) % 4
        if turn == 0:
            raise _unavailable(name)
        yield
        if turn == 2:
            raise _unavailable(name)

    return failure


@dataclass
class Outage:
    """The current failure of each role, and how far the clock is ahead."""

    failing: Mapping[str, Failure] = field(default_factory=dict)
    ahead: timedelta = field(default_factory=timedelta)

    def prepare(self, container: Container) -> None:
        """Watch the ports of ``container``."""
        container.clock.override(providers.Object(self._now))
        container.receive_webhook.add_kwargs(new_deadline=self._deadline)
        secrets: Any = Watched(container.cached_accounts(), "secrets", self._around)
        container.cached_accounts.override(providers.Object(secrets))
        watch_ports(container, self._around)

    def begin(self, failing: Mapping[str, Failure]) -> None:
        """Begin the outage."""
        self.failing = failing

    def end(self) -> None:
        """End the outage."""
        self.failing = {}

    def run_background_jobs(self, container: Container, cases: Sequence[Case] = ()) -> None:
        """Let the spool's worker, the relay and the operator work for some minutes of the clock."""
        for _ in range(3):
            while drain_some(container) or relay_some(container):
                pass
            operate(container, cases)
            self.ahead += timedelta(minutes=6)

    def _deadline(self) -> Deadline:
        is_slow = slow in self.failing.values()
        return Deadline.after(SLOW_SECONDS if is_slow else WEBHOOK_BUDGET_SECONDS)

    def _now(self) -> datetime:
        return utc_now() + self.ahead

    @contextmanager
    def _around(self, name: str) -> Iterator[None]:
        failure = self.failing.get(_role(name))
        if failure is None:
            yield
            return
        with failure(name):
            yield


HALF_WRITTEN = (
    "spool/.0f0c2f4e-5d0b-4a0e-9d57-6a1d8f3c7b21.incoming",
    "spool/.7b9d0a86-38a5-4bfb-8ad3-1f5a20d1c9e4.tmp",
    "dead-letters/.c1f4d8a2-9e3b-4d6c-b0a7-52e8f61d3c90.tmp",
    "blobs/.e27a5b1c-64d8-4f09-93ab-8c0d7e2f1b46.tmp",
    "spool/20260304T120000.000000Z.nobody.torn.0.20260304T120000.000000Z.json",
    "dead-letters/bug-torn.json",
)
"""Files whose writer was killed, and finished files that a disk has damaged."""


def leave_half_written(data_dir: Path) -> None:
    """Write the beginnings of files to every directory in which files are written."""
    for name in HALF_WRITTEN:
        path = data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'{"account": "AC0000')


class _Body(BytesIO):
    """The body of a response as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


THROTTLED = {
    "dynamodb": (400, b'{"__type": "com.amazonaws#ThrottlingException", "message": "too many"}'),
    "sqs": (400, b'{"__type": "com.amazonaws#ThrottlingException", "message": "too many"}'),
    "s3": (503, b"<Error><Code>SlowDown</Code><Message>too many</Message></Error>"),
}
"""The response of each service to too many requests."""


@contextmanager
def throttling(client: "BaseClient") -> Iterator[None]:
    """AWS refuses every request of ``client``."""
    status, body = THROTTLED[client.meta.service_model.service_name]

    def refuse(request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, status, HTTPHeaders(), _Body(body))

    client.meta.events.register_first("before-send", refuse, "throttling")
    yield
    client.meta.events.unregister("before-send", refuse, "throttling")
