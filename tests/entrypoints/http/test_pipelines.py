"""Requests that a client sends before it has the answer to the one before."""

import threading

import pytest
from starlette.types import Receive, Scope, Send

from tests.application.frontdesk import FrontDesk
from tests.entrypoints.http.served import serving

GET = b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n"
WEBHOOK = b"POST /webhooks/sms HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx"


@pytest.mark.parametrize("later", [b"", GET, WEBHOOK], ids=["nothing", "request", "webhook"])
def test_streamed_answer_ends_with_its_client_whatever_was_sent_after_it(later: bytes) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def stream(_: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.set()

    with serving(FrontDesk(), app=stream) as served:
        with served.connect() as client:
            client.sendall(GET + later)
            assert begun.wait(5)
        has_ended = ended.wait(5)
    assert has_ended
