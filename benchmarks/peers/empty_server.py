"""The least that an HTTP server in Python can do: read the request, answer an empty TwiML.

uvicorn benchmarks.peers.empty_server:app --http httptools --loop uvloop
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Event = MutableMapping[str, Any]

BODY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
START: Event = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/xml"), (b"content-length", str(len(BODY)).encode())],
}
END: Event = {"type": "http.response.body", "body": BODY}


async def app(
    scope: Event,  # noqa: ARG001 - every path is answered alike
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """An ASGI application."""
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(END)
