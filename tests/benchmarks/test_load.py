"""The client of the measurements tells what a provider would see."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import pytest

from benchmarks.load import Load, read_requests, write_requests

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PAUSE_SECONDS = 0.3


@contextmanager
def server(answer: bytes = ANSWER, first_takes_seconds: float = 0.0) -> Iterator[int]:
    """Answers one connection, in two pieces; the port."""

    def serve() -> None:
        connection, _ = listener.accept()
        pause = first_takes_seconds
        with connection:
            while connection.recv(65536):
                time.sleep(pause)
                pause = 0.0
                connection.sendall(answer[:20])
                connection.sendall(answer[20:])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]


def load(port: int, *, count: int, rate: float = 0.0) -> Load:
    return Load(port, iter([REQUEST] * count), connections=1, seconds=5.0, rate=rate)


def test_requests_are_read_as_they_were_written(tmp_path: Path) -> None:
    requests = [b"one", b"", b"three" * 1000]
    write_requests(tmp_path / "file", requests)
    assert read_requests(tmp_path / "file") == requests


def test_each_request_is_answered_and_counted_by_its_status() -> None:
    with server() as port:
        run = load(port, count=7)
        report = run.run()
        run.close()
    assert (report["sent"], report["answered"], report["statuses"]) == (7, 7, {"200": 7})


def test_refusals_are_told_from_acknowledgements() -> None:
    with server(ANSWER.replace(b"200 OK", b"503 No")) as port:
        run = load(port, count=2)
        assert run.run()["statuses"] == {"503": 2}
        run.close()


def test_no_request_is_sent_after_the_time_is_over() -> None:
    with server() as port:
        run = Load(port, repeat(REQUEST), connections=1, seconds=0.2)
        assert run.run()["seconds"] == pytest.approx(0.2, abs=5.0)
        run.close()


def test_latency_counts_from_the_time_at_which_a_request_was_due() -> None:
    """A server that stops for a while delays all that were due meanwhile, not one of them."""
    with server(first_takes_seconds=PAUSE_SECONDS) as port:
        run = load(port, count=20, rate=100.0)
        run.run()
        run.close()
    assert sum(latency > PAUSE_SECONDS / 3 for latency in run.latencies) >= 20
