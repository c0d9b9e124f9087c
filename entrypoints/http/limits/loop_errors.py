"""The errors of the event loop, in log lines of a known form and a bounded number."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger(__name__)

QUIET_SECONDS = 10.0
"""How long the same error is not logged again: asyncio may meet it hundreds of times a second."""

_CANNOT_ACCEPT = "socket.accept() out of system resource"


class LoopErrors:
    """An exception handler for an event loop.

    It answers an attack that fills the log, for example with connections that cannot be
    accepted. asyncio's own handler logs each error, with everything that the error holds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._quiet_until: dict[tuple[str, str | None], float] = {}

    def __call__(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """Log what asyncio met, unless it was logged just now."""
        error: Exception | None = context.get("exception")
        sentence = (
            "no connection can be accepted"
            if context["message"] == _CANNOT_ACCEPT
            else "event loop met an error"
        )
        kind = (sentence, type(error).__name__ if error else None)
        now = self._monotonic()
        if now < self._quiet_until.get(kind, now):
            return
        self._quiet_until[kind] = now + QUIET_SECONDS
        # What the operating system calls it; other errors may quote data of a customer.
        number = error.errno if isinstance(error, OSError) else None
        reason = None if number is None else os.strerror(number)
        logger.error(sentence, extra={"error": kind[1], "reason": reason}, exc_info=error)
