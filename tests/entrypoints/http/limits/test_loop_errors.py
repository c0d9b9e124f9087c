"""Errors of the event loop are logged as JSON, and repeated ones once per period."""

import asyncio
import errno
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from entrypoints.http.limits.loop_errors import QUIET_SECONDS, LoopErrors
from infrastructure.configuration.log_format import configure_logging

CANNOT_ACCEPT = {
    "message": "socket.accept() out of system resource",
    "exception": OSError(errno.EMFILE, "secret"),
}


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    return stream


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_failed_accept_is_logged_once_per_quiet_period(
    loop: asyncio.AbstractEventLoop, log: io.StringIO
) -> None:
    now = 0.0
    loop.set_exception_handler(LoopErrors(lambda: now))
    for _ in range(1000):
        loop.call_exception_handler(CANNOT_ACCEPT)
    (line,) = lines(log)
    assert line["message"] == "no connection can be accepted"
    assert (line["error"], line["reason"]) == ("OSError", "Too many open files")

    now = QUIET_SECONDS
    loop.call_exception_handler(CANNOT_ACCEPT)
    assert len(lines(log)) == 2


def test_other_event_loop_errors_are_logged_by_type_without_their_content(
    loop: asyncio.AbstractEventLoop, log: io.StringIO
) -> None:
    loop.set_exception_handler(LoopErrors())
    loop.call_exception_handler({"message": "secret", "exception": ValueError("secret")})
    loop.call_exception_handler({"message": "secret", "future": "secret"})
    first, second = lines(log)
    assert first["message"] == second["message"] == "event loop met an error"
    assert (first["error"], first["traceback"]) == ("ValueError", ["ValueError"])
    assert "secret" not in log.getvalue()
