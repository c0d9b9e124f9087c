"""The HTTP application over real connections."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from domain.errors import OverloadedError
from entrypoints.http.limits.bodies import FREE_BYTES, BodyMemory, MemoryShare
from entrypoints.http.webhooks import endpoint
from tests.application.frontdesk import FrontDesk, StubParser
from tests.entrypoints.http.served import LIMIT, REQUESTS, SLOTS, Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(FrontDesk()) as running:
        yield running


def test_verified_webhook_receives_the_response_of_its_provider(served: Served) -> None:
    response = served.call("POST", "/webhooks/sms", x_signature="right")
    assert (response.status, response.data) == (200, b"thanks")
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/sms", 401),
        ("POST", "/prod/Webhooks/EMAIL", 401),
        ("POST", "/webhooks/voice", 404),
        ("POST", "/", 404),
        ("GET", "/webhooks/sms", 405),
        ("PUT", "/webhooks/sms", 405),
        ("DELETE", "/webhooks/email", 405),
    ],
)
def test_wrong_signature_path_or_method_is_refused_with_its_status(
    served: Served, method: str, path: str, status: int
) -> None:
    response = served.call(method, path)

    assert response.status == status
    assert list(response.json()) == ["error"]
    assert (response.headers.get("allow") == "POST") is (status == 405)


def test_invalid_host_header_is_refused_as_an_invalid_signature(served: Served) -> None:
    response = served.call("POST", "/webhooks/sms", host="[", x_signature="right")
    assert (response.status, response.json()) == (401, {"error": "Invalid signature"})


def test_declared_body_over_the_limit_is_refused_with_413(served: Served) -> None:
    response = served.call("POST", "/webhooks/sms", b"x" * (LIMIT + 1), x_signature="right")
    assert (response.status, response.json()) == (413, {"error": "Payload too large"})


def test_body_at_the_limit_is_accepted(served: Served) -> None:
    assert served.call("POST", "/webhooks/sms", b"x" * LIMIT, x_signature="right").status == 200


def test_chunked_body_is_cut_off_at_the_limit(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(
            b"POST /webhooks/sms HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(3):
            client.sendall(b"190\r\n" + b"x" * 400 + b"\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_client_that_disconnects_during_a_request_does_not_block_the_next_webhook(
    served: Served,
) -> None:
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
            client.sendall(b"POST /webhooks/sms HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx")
    assert served.call("POST", "/webhooks/sms", x_signature="right").status == 200


def test_health_is_ok_while_readiness_reports_an_unavailable_backend(served: Served) -> None:
    assert served.call("GET", "/healthz").json() == {"status": "alive"}
    assert served.call("GET", "/readyz").status == 200

    served.ready = False
    try:
        assert served.call("GET", "/readyz").status == 503
        assert served.call("GET", "/healthz").status == 200
    finally:
        served.ready = True


def test_slow_senders_do_not_delay_other_webhooks(served: Served) -> None:
    slow = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(40)]
    try:
        for client in slow:
            client.sendall(
                b"POST /webhooks/sms HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\nx"
            )
        assert served.call("POST", "/webhooks/sms", x_signature="right").status == 200
    finally:
        for client in slow:
            client.close()


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it did not come in time")


def test_webhook_over_the_request_limit_receives_503_while_health_checks_succeed(
    served: Served,
) -> None:
    with ExitStack() as stack:
        for _ in range(REQUESTS):
            client = socket.create_connection(("127.0.0.1", served.port), timeout=10)
            stack.enter_context(client).sendall(
                b"POST /webhooks/sms HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx"
            )
        eventually(lambda: served.endpoint.is_full)
        response = served.call("POST", "/webhooks/sms", x_signature="right")
        assert (response.status, response.json()) == (503, {"error": "Temporarily unavailable"})
        assert response.headers["retry-after"] == "30"
        assert served.call("GET", "/healthz").status == 200
        assert served.call("GET", "/readyz").status == 200
    eventually(lambda: not served.endpoint.is_full)
    assert served.call("POST", "/webhooks/sms", x_signature="right").status == 200


@dataclass
class HeldParser(StubParser):
    """Verifies no webhook until ``free`` is set."""

    max_body_bytes: int = 200_000
    free: threading.Event = field(default_factory=threading.Event)

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        self.free.wait(20)
        return super().validate(request)


def is_full(memory: BodyMemory, size_bytes: int) -> bool:
    """Whether no further body of this size is accepted."""
    share = MemoryShare(memory)
    try:
        share.hold(size_bytes)
    except OverloadedError:
        return True
    finally:
        share.close()
    return False


def test_abandoned_requests_hold_their_threads_and_memory_until_they_finish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "SLOT_SECONDS", 0.02)
    monkeypatch.setattr(endpoint, "SPOOL_SECONDS", 0.05)
    parser = HeldParser()
    stuck = SLOTS + endpoint.SPOOL_THREADS
    # So large that the stuck requests fill the memory for bodies.
    limit = parser.max_body_bytes
    body = b"x" * (endpoint.LARGE_BODIES_AT_ONCE * limit // stuck + FREE_BYTES)
    with serving(FrontDesk(parser=parser), limit) as served, ThreadPoolExecutor(SLOTS) as pool:
        before = threading.active_count()
        with_slot = [
            pool.submit(served.call, "POST", "/webhooks/sms", body, x_signature="right")
            for _ in range(SLOTS)
        ]
        eventually(lambda: served.endpoint.slots.are_taken)
        without = [
            served.call("POST", "/webhooks/sms", body, x_signature="right") for _ in range(20)
        ]
        assert {response.status for response in without} == {503}
        assert threading.active_count() <= before + SLOTS + stuck
        assert is_full(served.endpoint.memory, FREE_BYTES + 1)

        parser.free.set()
        assert {call.result().status for call in with_slot} == {200}
        eventually(
            lambda: not is_full(served.endpoint.memory, endpoint.LARGE_BODIES_AT_ONCE * limit)
        )
        again = served.call("POST", "/webhooks/sms", body, x_signature="right")
        assert again.status == 200
        assert served.frontdesk.spool.depth().entries == 1  # all requests are the same webhook


class TestBodyMemory:
    def test_small_bodies_use_no_shared_memory(self) -> None:
        memory = BodyMemory(0)
        MemoryShare(memory).hold(FREE_BYTES)
        MemoryShare(memory).hold(FREE_BYTES)

    def test_large_bodies_share_memory_and_release_it(self) -> None:
        memory = BodyMemory(100)
        one, other = MemoryShare(memory), MemoryShare(memory)
        one.hold(FREE_BYTES + 30)
        one.hold(FREE_BYTES + 60)
        other.hold(FREE_BYTES + 40)
        with pytest.raises(OverloadedError):
            other.hold(FREE_BYTES + 41)
        one.close()
        other.close()
        MemoryShare(memory).hold(FREE_BYTES + 100)
