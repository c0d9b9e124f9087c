"""A slow API keeps nobody waiting but its own callers."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import urllib3

from entrypoints.http.access import bounded
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api, problem, running_locally
from tests.entrypoints.http.test_app import eventually

Answers = list[Future[urllib3.BaseHTTPResponse]]


class HeldStore:
    """Answers nobody until ``free`` is set."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.asked = threading.Semaphore(0)

    def get_conversations(self, conversation_id: str) -> tuple[()]:
        return ()

    def get_conversation(self, key: object) -> None:
        self.asked.release()
        self.free.wait(20)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path) as api:
        yield api


@contextmanager
def many_slow_requests(api: Api, count: int) -> Iterator[tuple[HeldStore, Answers]]:
    """So many requests that wait for the store, and how to get their answers."""
    store = HeldStore()
    with (
        api.container.conversation_store.override(store),
        ThreadPoolExecutor(count) as pool,
    ):
        answers = [pool.submit(api.call, "GET", "/v1/conversations/sms/any") for _ in range(count)]
        try:
            for _ in range(min(count, bounded.THREADS)):
                assert store.asked.acquire(timeout=10)
            yield store, answers
        finally:
            store.free.set()


def test_slow_api_delays_no_webhook_and_no_health_check(api: Api) -> None:
    desk = api.frontdesk
    with many_slow_requests(api, bounded.AT_ONCE) as (store, answers):
        assert desk.post(desk.webhook(SMS, body="Hello")).status == 200
        assert api.call("GET", "/readyz").status == 200
        assert api.call("GET", "/sign-in").status == 200
        store.free.set()
        assert {problem(answer.result()) for answer in answers} == {404}


def test_more_requests_than_there_are_places_are_to_try_again(api: Api) -> None:
    with many_slow_requests(api, bounded.AT_ONCE + 1) as (store, answers):
        refused, *waiting = wait(answers, return_when=FIRST_COMPLETED).done
        assert waiting == []
        assert problem(refused.result()) == 503
        assert refused.result().headers["retry-after"] == "5"
        store.free.set()
        assert sorted(problem(one.result()) for one in answers) == [404] * bounded.AT_ONCE + [503]
    assert api.call("GET", "/v1/session").status == 200


def test_request_that_takes_too_long_is_answered_and_holds_its_place(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "ANSWER_SECONDS", 0.1)
    with many_slow_requests(api, bounded.THREADS) as (store, answers):
        assert {problem(answer.result()) for answer in answers} == {503}
        store.free.set()
    monkeypatch.undo()
    assert api.call("GET", "/v1/session").status == 200


def started(api: Api, head: str) -> socket.socket:
    """A connection on which a request has begun."""
    port = int(api.frontdesk.origin.rpartition(":")[2])
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    authorization = api.headers["authorization"]
    client.sendall(
        f"POST /v1/conversations HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\n"
        f"content-type: application/json\r\n{head}\r\n\r\n".encode()
    )
    return client


def test_body_that_does_not_come_is_waited_for_a_while(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded.read_body, "__defaults__", (bounded.BODY_BYTES, 0.1))
    with started(api, "content-length: 9") as client:
        assert client.recv(4000).startswith(b"HTTP/1.1 408")


def test_body_without_an_announced_end_is_cut_off_at_the_limit(api: Api) -> None:
    with started(api, "transfer-encoding: chunked") as client:
        for _ in range(5):
            client.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        assert client.recv(4000).startswith(b"HTTP/1.1 413")


def test_body_of_a_stranger_is_not_waited_for(api: Api) -> None:
    stranger = Api(api.frontdesk, {"authorization": "Bearer wrong"})
    with started(stranger, "content-length: 9") as client:
        assert client.recv(4000).startswith(b"HTTP/1.1 401")


def test_client_that_leaves_gives_its_place_back(api: Api) -> None:
    for _ in range(bounded.AT_ONCE + 1):
        started(api, "content-length: 9").close()
    eventually(lambda: api.call("POST", "/v1/conversations", {}).status == 422)


def test_bodies_that_do_not_come_keep_no_look_waiting(api: Api) -> None:
    with ExitStack() as clients:
        for _ in range(bounded.AT_ONCE):
            clients.enter_context(started(api, "content-length: 9"))
        eventually(lambda: api.call("POST", "/v1/conversations", {}).status == 503)
        assert api.call("GET", "/v1/session").status == 200
