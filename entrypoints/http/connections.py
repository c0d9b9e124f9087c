"""Connections on which no request arrives: each of them takes the place of a provider's."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a request line and its headers may take to arrive: providers send them at once."""


class ImpatientProtocol(H11Protocol):
    """Closes a connection on which the head of a request does not arrive in time.

    uvicorn itself waits for the first one, and for the rest of any, without end.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        super().data_received(data)
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

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
