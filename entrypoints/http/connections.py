"""Connections on which no request arrives: none of them takes the place of a provider's."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a request line and its headers may take to arrive: providers send them at once."""


class ImpatientProtocol(H11Protocol):
    """Closes a connection on which the head of a request does not arrive in time.

    uvicorn itself waits for the first one, and for the rest of any, without end. Beyond its
    ``limit_concurrency`` a new connection is accepted all the same, and the one that has waited
    for a head the longest is closed.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._watch()
        # uvicorn would answer whatever is beyond the limit, health checks too, in its own words.
        limit, self.limit_concurrency = self.limit_concurrency, None
        if limit is not None and len(self.connections) > limit:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """See ``H11Protocol``."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Let time run while no request is worked on, from the first moment of that."""
        if not getattr(self.cycle, "response_complete", True):  # None before the first request
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _make_room(self) -> None:
        waiting = {
            one._timer.when(): one
            for one in self.connections
            if isinstance(one, ImpatientProtocol) and one._timer is not None
        }
        longest = waiting[min(waiting)]  # this one at least waits
        longest._stop()
        longest.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
