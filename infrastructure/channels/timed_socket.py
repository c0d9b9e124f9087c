"""TLS connections whose reader gets a time and a size for all that it reads."""

import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Result = TypeVar("Result")


class Budget:
    """What is left of the seconds that may be waited, and of the bytes that may come."""

    def __init__(self, seconds: float, size_bytes: int) -> None:
        self._seconds = seconds
        self._bytes = size_bytes

    @property
    def seconds_left(self) -> float:
        """More than 0; else ``TimeoutError``."""
        if self._seconds <= 0:
            raise TimeoutError("the time is used up")
        return self._seconds

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Within it the time runs. Gives the seconds that are left at its beginning."""
        started_at = time.monotonic()
        try:
            yield self.seconds_left
        finally:
            self._seconds -= time.monotonic() - started_at

    def take(self, size_bytes: int) -> None:
        """Count what came. Raises ``OSError`` if it is too much."""
        self._bytes -= size_bytes
        if self._bytes < 0:
            raise OSError("more came than was to be read")


class TimedSocket(ssl.SSLSocket):
    """Takes its time-outs from ``budget``, which holds for all reads together.

    The time-out of a plain socket holds for each of them: a server that sends a byte now and
    then would never meet it.
    """

    budget: Budget

    @override
    def do_handshake(self, block: bool = False) -> None:
        with self.budget.waiting() as seconds:
            self.settimeout(seconds)
            super().do_handshake(block)

    @override
    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        with self.budget.waiting() as seconds:
            self.settimeout(seconds)
            size_bytes = super().recv_into(buffer, nbytes, flags)
        self.budget.take(size_bytes)
        return size_bytes


def call_within(seconds: float, function: Callable[[], Result]) -> Result:
    """What ``function`` returns, or raises. ``TimeoutError`` if that takes too long.

    Then it goes on alone: the system's resolver, for one, cannot be stopped.
    """
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except Exception as error:
            future.set_exception(error)

    Thread(target=call, name="frontdesk-resolver", daemon=True).start()
    return future.result(seconds)
