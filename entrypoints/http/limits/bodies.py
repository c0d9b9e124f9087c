"""Bodies of requests: read within their limits, and counted while they are held."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

from starlette.requests import Request

from domain.errors import OverloadedError, PayloadTooLargeError

FREE_BYTES = 64 * 1024
"""What every request may hold. Nearly all messages are smaller: large ones cannot stop them."""


class BodyMemory:
    """Counts the bytes of body that all requests hold together, beyond what each has free.

    It answers an attack that sends many large bodies at once, or never ends them: uvicorn knows
    no limit for bodies, and the process would run out of memory.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Hold bytes for the length of the block; call what it yields with the size so far.

        That call raises ``OverloadedError`` when all requests together would hold too much.
        """
        mine = 0

        def hold(size_bytes: int) -> None:
            nonlocal mine
            wanted = max(size_bytes - FREE_BYTES, 0)
            if self._held_bytes - mine + wanted > self._limit_bytes:
                raise OverloadedError("too many large bodies at once")
            self._held_bytes += wanted - mine
            mine = wanted

        try:
            yield hold
        finally:
            self._held_bytes -= mine


async def read_body(request: Request, limit: int, hold: Callable[[int], None]) -> bytes:
    """The whole body; ``PayloadTooLargeError`` as soon as it is known to exceed ``limit``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise PayloadTooLargeError("the declared body is over the limit")
    body = BytesIO()
    async for chunk in request.stream():
        size_bytes = body.tell() + len(chunk)
        if size_bytes > limit:
            raise PayloadTooLargeError("the body is over the limit")
        hold(size_bytes)
        body.write(chunk)
    return body.getvalue()  # not a copy, as joining chunks would be
