"""Limits of what does not concern webhooks, so that it never keeps them waiting."""

import asyncio
import logging
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.access.problems import ProblemError, unavailable, unexpected
from entrypoints.http.access.request_heads import header

logger = logging.getLogger(__name__)

BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
ANSWER_SECONDS = 20.0
"""How long a thread may take until it answers. Stores and queues give up earlier."""

AT_ONCE = 16
"""How many requests are worked on at once, by all workers together."""

THREADS = 4
"""How many of them may block, in each worker: webhooks have threads of their own."""


class Places:
    """Counts what is worked on. More than ``most`` at once are refused at once."""

    def __init__(self, most: int) -> None:
        self._free = most

    def take(self) -> None:
        """Raise ``ProblemError`` (503) if there is no place."""
        if self._free == 0:
            raise unavailable("too many requests at once")
        self._free -= 1

    def release(self) -> None:
        """Give a place back."""
        self._free += 1


async def read_body(
    head: Scope, receive: Receive, most: int = BODY_BYTES, seconds: float = BODY_SECONDS
) -> bytes:
    """The whole body. Raises ``ProblemError``: 413 over the limit, 408 if it takes too long."""
    too_large = ProblemError(413, f"the body is over {most} bytes")
    if int(header(head, "content-length") or 0) > most:
        raise too_large
    body = b""
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ProblemError(408, "the client has gone")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise ProblemError(408, "the body took too long", headers={"connection": "close"}) from None
    return body


def _has_body(head: Scope) -> bool:
    has_no_length = header(head, "content-length") in {None, "0"}
    return not has_no_length or header(head, "transfer-encoding") is not None


class BoundedApp:
    """An ASGI application whose requests have places, small bodies and little time.

    ``load`` gives it with the first request: whoever never asks does not pay for it. A request
    that takes too long is answered; its place is free when its thread is done. ``body_bytes``
    says how large the body of a path may be.
    """

    def __init__(
        self,
        load: Callable[[], ASGIApp],
        at_once: int,
        body_bytes: Callable[[str], int] = lambda _: BODY_BYTES,
    ) -> None:
        self._load = load
        self._body_bytes = body_bytes
        self._places = Places(at_once)
        self._arriving = Places(at_once)
        self._lock = asyncio.Lock()
        self._app: ASGIApp | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise a ``ProblemError`` while nothing was sent."""
        body = await self._body(scope, receive)
        self._places.take()
        try:
            app = await self._loaded()
            exchange = _Exchange(body, receive, send)
            task = asyncio.create_task(exchange.run(app, scope))
        except BaseException:
            self._places.release()
            raise
        self._running.add(task)
        task.add_done_callback(self._finish)
        await exchange.begun()
        await task

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Bodies that do not come have places of their own: whoever sends none is answered."""
        most = self._body_bytes(scope["path"])
        if not _has_body(scope):
            return await read_body(scope, receive, most)
        self._arriving.take()
        try:
            return await read_body(scope, receive, most)
        finally:
            self._arriving.release()

    def _finish(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._places.release()

    async def _loaded(self) -> ASGIApp:
        async with self._lock:
            if self._app is None:
                to_thread.current_default_thread_limiter().total_tokens = THREADS
                self._app = await to_thread.run_sync(self._load, limiter=CapacityLimiter(1))
        return self._app


class _Exchange:
    """One request to an application, whose answer may come too late."""

    def __init__(self, body: bytes, receive: Receive, send: Send) -> None:
        self._body: bytes | None = body
        self._receive = receive
        self._send = send
        self._begun = asyncio.Event()
        self._is_late = False
        self._failed = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Let ``app`` answer. Never raises. The application has logged what it could answer."""
        try:
            await app(scope, self._next, self._pass_on)
        except Exception:
            self._failed = not self._begun.is_set()
            if self._failed:
                logger.exception("request of the API met an error")
        finally:
            self._begun.set()

    async def begun(self) -> None:
        """Wait for the head of the answer. Raises ``ProblemError``: 503 late, 500 without one."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._begun.wait()
        except TimeoutError:
            self._is_late = True
            raise unavailable("it takes too long: it may be done all the same") from None
        if self._failed:
            raise unexpected()

    async def _next(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _pass_on(self, message: Message) -> None:
        if not self._is_late:
            self._begun.set()
            await self._send(message)
