"""A stream is closed once, and not while another thread reads from it."""

from collections.abc import Iterator
from threading import Event, Thread

import pytest

from application.ports.byte_stream import ByteStream


def test_stream_is_closed_once() -> None:
    closed: list[str] = []
    stream = ByteStream(iter([b"a", b"b"]), None, lambda: closed.append("closed"))
    assert next(stream) == b"a"
    stream.close()
    stream.close()
    assert closed == ["closed"]
    with pytest.raises(ValueError, match="the stream is closed"):
        next(stream)


def test_close_waits_for_the_chunk_that_is_being_read() -> None:
    order: list[str] = []
    reads, goes_on = Event(), Event()

    def chunks() -> Iterator[bytes]:
        reads.set()
        goes_on.wait(10)
        order.append("read")
        yield b"a"

    stream = ByteStream(chunks(), None, lambda: order.append("closed"))
    reader = Thread(target=lambda: next(stream))
    reader.start()
    assert reads.wait(10)
    closer = Thread(target=stream.close)
    closer.start()
    assert order == []
    goes_on.set()
    reader.join(10)
    closer.join(10)
    assert order == ["read", "closed"]


def test_lost_stream_closes_itself() -> None:
    closed: list[str] = []
    ByteStream(iter([b"a"]), None, lambda: closed.append("closed"))
    assert closed == ["closed"]
