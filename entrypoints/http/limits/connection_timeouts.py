"""Limits on how long a connection may hold its place."""

import asyncio
import math
from collections.abc import Callable

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a request line and its headers may take to arrive: providers send them at once."""

READ_SECONDS = 10.0
"""How long a client may leave unread what would fill a hundred answers."""


class TimeoutProtocol(H11Protocol):
    """Closes connections that hold a place and bring nothing.

    It answers two attacks, for both of which uvicorn waits without end. A client opens many
    connections and sends its headers slowly or never. A client sends many requests and reads
    no answer.

    Beyond ``limit_concurrency`` uvicorn would refuse the new connection, which may be a
    provider's. This protocol accepts it and closes another one: the one whose answers have been
    unread the longest, else the one that has waited for headers the longest.
    """

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._head = _Deadline(self.loop, self._end)
        self._unread = _Deadline(self.loop, self._end)
        self._await_head()
        limit, self.limit_concurrency = self.limit_concurrency, None
        if limit is not None and len(self.connections) > limit:
            self._close_oldest()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_head()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_head()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.start(READ_SECONDS)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread.stop()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._head.stop()
        self._unread.stop()

    def _await_head(self) -> None:
        """Let the time for a head run, unless a request is worked on."""
        if getattr(self.cycle, "response_complete", True):  # None before the first request
            self._head.start(HEAD_SECONDS)
        else:
            self._head.stop()

    def _close_oldest(self) -> None:
        others = [one for one in self.connections if isinstance(one, TimeoutProtocol)]
        oldest = min(others, key=lambda one: (one._unread.due_at, one._head.due_at))
        # It stays among the connections for a moment: the next one must close another.
        oldest._head.stop()
        oldest._unread.stop()
        oldest._end()

    def _end(self) -> None:
        if self.transport.get_write_buffer_size():
            # ``close`` would wait until the client has read everything.
            self.transport.abort()
        else:
            self.transport.close()


class _Deadline:
    """Calls ``end`` when a time is over that was started and not stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        self._loop = loop
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    @property
    def due_at(self) -> float:
        """When it ends, by the clock of the loop; infinite while nothing runs."""
        return self._timer.when() if self._timer else math.inf

    def start(self, seconds: float) -> None:
        """A time that runs already goes on: what arrives in small parts extends nothing."""
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._end)

    def stop(self) -> None:
        """The time is no longer awaited."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
