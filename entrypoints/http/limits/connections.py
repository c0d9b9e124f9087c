"""Connections on which nothing moves: none of them takes the place of a provider's."""

import asyncio

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a request line and its headers may take to arrive: providers send them at once."""

READ_SECONDS = 10.0
"""How long a client may leave unread what would fill a hundred answers."""


class TimeoutProtocol(H11Protocol):
    """Ends a connection on which a head does not arrive in time, or answers are not read.

    uvicorn itself waits for both without end. Beyond its ``limit_concurrency`` a new connection
    is accepted all the same, and another is ended: the one whose answers have been unread the
    longest, else the one that has waited for a head the longest.
    """

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._watch()
        # uvicorn would answer whatever is beyond the limit, health checks too, in its own words.
        limit, self.limit_concurrency = self.limit_concurrency, None
        if limit is not None and len(self.connections) > limit:
            self._close_oldest()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(READ_SECONDS, self._end)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_unread()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()
        self._stop_unread()

    def _watch(self) -> None:
        """Let time run while no request is worked on, from the first moment of that."""
        if not getattr(self.cycle, "response_complete", True):  # None before the first request
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._end)

    def _close_oldest(self) -> None:
        others = [one for one in self.connections if isinstance(one, TimeoutProtocol)]
        unread = {one._unread.when(): one for one in others if one._unread}
        backlog = {one._timer.when(): one for one in others if one._timer}
        candidates = unread or backlog  # this one at least waits
        longest = candidates[min(candidates)]
        # Before it is gone another connection may come, which must not count on its room.
        longest._stop()
        longest._stop_unread()
        longest._end()

    def _end(self) -> None:
        if self.transport.get_write_buffer_size():
            # What nobody reads can never be sent to its end: closing would wait for that.
            self.transport.abort()
        else:
            self.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
