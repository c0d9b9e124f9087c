"""Limits on how long a connection may hold its place, and on what it may send in advance."""

import asyncio
import math
import time
from typing import Any

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from entrypoints.http.limits.ticker import Ticker

HEAD_SECONDS = 10.0
"""How long a request line and its headers may take to arrive: providers send them at once."""

READ_SECONDS = 10.0
"""How long a client may leave unread what would fill a hundred answers."""

HEAD_BYTES = 64 * 1024
"""How many bytes in a row may belong to no body: request line, headers, framing of chunks."""

PART_BYTES = 2048
"""The parser gets so much at once, so that it cannot begin many requests before one is answered.

Nearly all messages are smaller.
"""


class HeldFlow(FlowControl):
    """Reads nothing more, whatever an application wants, while bytes wait to be parsed.

    uvicorn resumes reading for each request of a pipeline, and would read faster than it answers.
    """

    is_held = False

    @override
    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class ConnectionWatch:
    """Ends the connections of one server whose time is over."""

    def __init__(self) -> None:
        self.connections: set[TimeoutProtocol] = set()
        self.ticker = Ticker(self._end_overdue)

    def _end_overdue(self) -> bool:
        now = time.monotonic()
        for connection in tuple(self.connections):
            if connection.due_at <= now:
                connection.end()
        return bool(self.connections)


class TimeoutProtocol(HttpToolsProtocol):
    """Closes connections that hold a place and bring nothing.

    It answers three attacks, all of which uvicorn lets pass. A client opens many connections
    and sends its headers slowly, never, or without end. A client sends many requests and reads
    no answer. A client sends thousands of small requests at once: here only the first few are
    parsed before one is answered.

    Beyond ``limit_concurrency`` uvicorn would refuse the new connection, which may be a
    provider's. This protocol accepts it and closes another one: the one whose answers have been
    unread the longest, else the one that has waited for headers the longest.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        watch: ConnectionWatch,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._watch = watch
        self._head_due = self._unread_due = math.inf
        self._is_parsing = False
        self._in_message = False
        self._overhead_bytes = 0
        self._unparsed = b""
        self._served: RequestResponseCycle | None = None

    @property
    def due_at(self) -> float:
        """When the connection ends by itself, by the monotonic clock."""
        return min(self._head_due, self._unread_due)

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow: HeldFlow = HeldFlow(transport)
        self._await_head()
        self._watch.connections.add(self)
        self._watch.ticker.start()
        limit, self.limit_concurrency = self.limit_concurrency, None
        if limit is not None and len(self.connections) > limit:
            self._close_oldest()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch.connections.discard(self)
        self._unparsed = b""

    @override
    def data_received(self, data: bytes) -> None:
        if self.flow.is_held:  # a loop may deliver what it had read before the pause
            self._unparsed += data
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Parse as much of ``data`` as belongs to a request that can be worked on now."""
        whole = memoryview(data)
        self._is_parsing = True
        for start in range(0, len(data), PART_BYTES):
            if self.pipeline or self.flow.write_paused:
                self.flow.pause_reading()
                self.flow.is_held = True
                self._unparsed = data[start:]
                break
            part = whole[start : start + PART_BYTES]
            self._overhead_bytes += len(part)
            super().data_received(part)  # type: ignore[arg-type]  # the parser takes views
            if self.transport.is_closing():
                break
            if self._overhead_bytes > HEAD_BYTES:
                self.send_400_response("Invalid HTTP request received.")
                break
        self._is_parsing = False

    @override
    def on_headers_complete(self) -> None:
        self._head_due = math.inf
        self._overhead_bytes = 0
        self._in_message = True
        self.open_request()
        self.headers = []  # what follows a body in chunks are no headers of the request

    @override
    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = 0
        self.take_body(body)

    @override
    def on_message_complete(self) -> None:
        self._overhead_bytes = 0
        self._in_message = False
        self.end_request()

    def open_request(self) -> None:
        """Begin with the request whose head is complete: an ASGI application answers it."""
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and self.stays_open

    @property
    def stays_open(self) -> bool:
        """Whether another request may follow the one whose head was parsed.

        The parser takes what follows the offer of another protocol for that protocol.
        """
        return self.parser.should_keep_alive() and not self.parser.should_upgrade()

    def take_body(self, body: bytes) -> None:
        """Take the next part of its body."""
        super().on_body(body)

    def end_request(self) -> None:
        """It is complete."""
        super().on_message_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        has_answered = self._served is None or self._served.response_complete
        if self.pipeline or not (has_answered or self._in_message):
            # The client would take it for the answer to a request before this one.
            self.transport.close()
        else:
            super().send_400_response(msg)

    @override
    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if not self.pipeline:
            self._await_head()
        self._go_on()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_due = time.monotonic() + READ_SECONDS

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_due = math.inf
        self._go_on()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def end(self) -> None:
        """Close the connection, at once if the client leaves something unread."""
        # It stays among the connections for a moment: the next one must close another.
        self._head_due = self._unread_due = math.inf
        if self.transport.get_write_buffer_size():
            # ``close`` would wait until the client has read everything.
            self.transport.abort()
        else:
            self.transport.close()

    def _close_oldest(self) -> None:
        others = self._watch.connections
        min(others, key=lambda one: (one._unread_due, one._head_due)).end()

    def _await_head(self) -> None:
        self._head_due = time.monotonic() + HEAD_SECONDS

    def _go_on(self) -> None:
        """Work on the requests that have waited, as far as the client reads the answers."""
        if self._is_parsing or self.transport.is_closing():
            return
        self._is_parsing = True  # an answer that is given at once does not begin here again
        while self.pipeline and self.may_answer:
            self._start_asgi_task(*self.pipeline.pop())
        self._is_parsing = False
        if self.may_answer:
            self.flow.is_held = False
            data, self._unparsed = self._unparsed, b""
            self._parse(data)
            self.flow.resume_reading()

    @property
    def may_answer(self) -> bool:
        """Whether the answer to another request may be written."""
        has_answered = self._served is None or self._served.response_complete
        return has_answered and not self.flow.write_paused
