"""The least that can be done with a mail: read its bytes and hash them.

uvicorn benchmarks.peers.reading_server:app --http httptools --loop uvloop
"""

import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Event = MutableMapping[str, Any]


async def app(
    scope: Event,  # noqa: ARG001 - every path is answered alike
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """An ASGI application that answers the SHA-256 of the body."""
    digest = hashlib.sha256()
    more = True
    while more:
        event = await receive()
        digest.update(event.get("body", b""))
        more = event.get("more_body", False)
    body = digest.hexdigest().encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
