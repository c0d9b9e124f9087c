"""Outages of the parts that a front desk needs, each of which begins and ends when told."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from dependency_injector import providers

from application.clock import WEBHOOK_BUDGET_SECONDS, Deadline, utc_now
from domain.errors import QueueRoutingError, StorageUnavailableError
from entrypoints.container import Container
from entrypoints.leftovers import relay_some, work_off_some
from tests.faults.watched_ports import watch_ports

if TYPE_CHECKING:
    from botocore.client import BaseClient

STORE = ("conversations", "messages", "claims")
QUEUE = ("queue",)
SPOOL = ("spool",)
LETTERS = ("dead_letters",)
BLOBS = ("blobs",)

SLOW_SECONDS = 0.1
"""Longer than the whole time of a webhook while something is slow."""

Failure = Callable[[str], AbstractContextManager[None]]
"""What happens around a call, by the call's name."""


def _unavailable(name: str) -> Exception:
    is_queue = name.startswith("queue.")
    return (QueueRoutingError if is_queue else StorageUnavailableError)("internal text: outage")


@contextmanager
def down(name: str, *, always: bool = True) -> Iterator[None]:
    """The call never reaches anything."""
    if always:
        raise _unavailable(name)
    yield


@contextmanager
def answer_lost(name: str) -> Iterator[None]:
    """The call does all it should, and nobody hears of it."""
    yield
    raise _unavailable(name)


@contextmanager
def slow(name: str) -> Iterator[None]:
    """The answer comes when the webhook's time is over."""
    yield
    time.sleep(SLOW_SECONDS)


def flapping() -> Failure:
    """Every second call fails, in turn before and after it did what it should."""
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
    """Which ``roles`` suffer which ``failure`` at the moment, and how late it is."""

    roles: tuple[str, ...] = ()
    failure: Failure = down
    ahead: timedelta = field(default_factory=timedelta)

    def prepare(self, container: Container) -> None:
        """Stand around the ports of ``container``."""
        container.clock.override(providers.Object(self._now))
        container.receive_webhook.add_kwargs(new_deadline=self._deadline)
        watch_ports(container, self._around)

    def begin(self, roles: tuple[str, ...], failure: Failure) -> None:
        """From now on."""
        self.roles, self.failure = roles, failure

    def end(self) -> None:
        """Everything works again."""
        self.roles, self.failure = (), down

    def work_on_leftovers(self, container: Container) -> None:
        """Let the spool's worker and the relay do their work, half an hour long."""
        for _ in range(6):
            while work_off_some(container) or relay_some(container):
                pass
            self.ahead += timedelta(minutes=6)

    def _deadline(self) -> Deadline:
        is_slow = self.failure is slow
        return Deadline.after(SLOW_SECONDS if is_slow else WEBHOOK_BUDGET_SECONDS)

    def _now(self) -> datetime:
        return utc_now() + self.ahead

    @contextmanager
    def _around(self, name: str) -> Iterator[None]:
        if name.partition(".")[0] not in self.roles:
            yield
            return
        with self.failure(name):
            yield


class _Body(BytesIO):
    """The body of an answer as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def throttling(client: "BaseClient") -> Iterator[None]:
    """AWS refuses every request of ``client``, as it does where too many come."""

    def refuse(request: Any, **_: Any) -> Any:
        body = _Body(b'{"__type": "com.amazonaws#ThrottlingException", "message": "too many"}')
        return AWSResponse(request.url, 400, HTTPHeaders(), body)

    client.meta.events.register_first("before-send", refuse, "throttling")
    yield
    client.meta.events.unregister("before-send", refuse, "throttling")
