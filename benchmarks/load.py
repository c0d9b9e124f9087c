"""The client: posts prepared requests over connections that stay open, and takes the times.

    python -m benchmarks.load PORT FILE --connections 32 --seconds 4 [--rate 200] [--repeat]

Without a rate each connection sends its next request when it has its answer (closed loop). With
a rate each request has its time, whatever became of those before it (open loop). Its latency
counts from that time, also when it had to wait for a connection. It runs in a process of its
own, and uses the standard library alone, so that the server is what is measured.
"""

import json
import re
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import click

LENGTH_BYTES = 4
PATIENCE_SECONDS = 30.0
"""How long answers are waited for after the last request."""

_STATUS = slice(9, 12)
_CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_END_OF_HEAD = b"\r\n\r\n"


def write_requests(path: Path, requests: Iterable[bytes]) -> None:
    """Store complete HTTP requests for the client."""
    with path.open("wb") as file:
        for request in requests:
            file.write(len(request).to_bytes(LENGTH_BYTES, "big") + request)


def read_requests(path: Path) -> list[bytes]:
    """What ``write_requests`` stored."""
    content, at, requests = path.read_bytes(), 0, []
    while at < len(content):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(content[at:start], "big")
        requests.append(content[start:at])
    return requests


class Connection:
    """A socket, the rest of what it sends, and what it has of the answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._rest = memoryview(b"")
        self._received = b""

    def begin(self, request: bytes, due: float) -> bool:
        """Send ``request``, which was due then; whether there is more to send."""
        self.due, self._rest, self._received = due, memoryview(request), b""
        return self.send_rest()

    def send_rest(self) -> bool:
        """Send what the system takes; whether there is more."""
        try:
            while self._rest:
                self._rest = self._rest[self.socket.send(self._rest) :]
        except BlockingIOError:
            return True
        return False

    def status(self) -> str | None:
        """Read; the status if the answer is complete. Raises ``ConnectionError`` at its end."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection without an answer")
        self._received += data
        head, found, body = self._received.partition(_END_OF_HEAD)
        if not found:
            return None
        length = _CONTENT_LENGTH.search(head)
        if length is None:
            raise ConnectionError("an answer without its length")
        return head[_STATUS].decode() if len(body) >= int(length[1]) else None


@dataclass
class Load:
    """One run. ``rate`` is in requests a second; 0 is the closed loop."""

    port: int
    requests: Iterator[bytes]
    connections: int
    seconds: float
    rate: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def run(self) -> dict[str, object]:
        """Post until the time is over or the requests are, wait for the answers, and report."""
        self._selector = selectors.DefaultSelector()
        self._free = deque(Connection(self.port) for _ in range(self.connections))
        for connection in self._free:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._started, self._sent, self._is_over = time.perf_counter(), 0, False
        while not self._is_finished():
            self._send_what_is_due()
            self._wait()
        elapsed = time.perf_counter() - self._started
        return self._report(elapsed)

    def close(self) -> None:
        """Close the connections, answered or not."""
        for key in [*self._selector.get_map().values()]:
            key.data.socket.close()
        self._selector.close()

    def _is_finished(self) -> bool:
        late = time.perf_counter() > self._started + self.seconds + PATIENCE_SECONDS
        return late or (self._is_over and len(self._free) == self.connections)

    def _due(self) -> float:
        return self._started + self._sent / self.rate if self.rate else time.perf_counter()

    def _send_what_is_due(self) -> None:
        while self._free and not self._is_over:
            due, now = self._due(), time.perf_counter()
            if due > self._started + self.seconds:
                self._is_over = True
            elif due > now:
                return
            elif (request := next(self.requests, None)) is None:
                self._is_over = True
            else:
                self._send(self._free.popleft(), request, due)

    def _send(self, connection: Connection, request: bytes, due: float) -> None:
        self._sent += 1
        if connection.begin(request, due):
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(connection.socket, both, connection)

    def _wait(self) -> None:
        pause = self._due() - time.perf_counter() if self._free and not self._is_over else 0.1
        for key, events in self._selector.select(max(0.0, pause)):
            connection: Connection = key.data
            if events & selectors.EVENT_WRITE and not connection.send_rest():
                self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if events & selectors.EVENT_READ and (status := connection.status()):
                self.latencies.append(time.perf_counter() - connection.due)
                self.statuses[status] += 1
                self._free.append(connection)

    def _report(self, elapsed: float) -> dict[str, object]:
        ordered = sorted(self.latencies) or [0.0]
        return {
            "sent": self._sent,
            "answered": len(self.latencies),
            "statuses": dict(self.statuses),
            "seconds": elapsed,
            "p50_ms": 1000 * ordered[len(ordered) // 2],
            "p99_ms": 1000 * ordered[len(ordered) * 99 // 100],
        }


@click.command()
@click.argument("port", type=int)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--connections", default=32)
@click.option("--seconds", default=4.0)
@click.option("--count", default=0, help="At most so many requests.")
@click.option("--rate", default=0.0)
@click.option("--repeat", is_flag=True, help="From the beginning when the requests are over.")
def main(
    *,
    port: int,
    file: Path,
    connections: int,
    seconds: float,
    count: int,
    rate: float,
    repeat: bool,
) -> None:
    """Post the requests of FILE to PORT, and print what became of them as JSON."""
    requests = read_requests(file)
    endless = cycle(requests) if repeat else iter(requests)
    load = Load(port, islice(endless, count or None), connections, seconds, rate)
    click.echo(json.dumps(load.run()))


if __name__ == "__main__":
    main()
