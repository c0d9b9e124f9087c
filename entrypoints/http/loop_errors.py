"""What the event loop itself complains of, in log lines of a known form and a bounded number."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger(__name__)

QUIET_SECONDS = 10.0
"""How long the same complaint is not repeated: asyncio may have it hundreds of times a second."""

_CANNOT_ACCEPT = "socket.accept() out of system resource"


class LoopErrors:
    """An exception handler for an event loop. Its context may hold anything: that is left out."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._quiet_until: dict[tuple[str, str | None], float] = {}

    def __call__(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """Log what asyncio found, unless it was logged just now."""
        error: Exception | None = context.get("exception")
        sentence = (
            "no connection can be accepted"
            if context["message"] == _CANNOT_ACCEPT
            else "event loop met an error"
        )
        complaint = (sentence, type(error).__name__ if error else None)
        now = self._monotonic()
        if now < self._quiet_until.get(complaint, now):
            return
        self._quiet_until[complaint] = now + QUIET_SECONDS
        logger.error(
            sentence,
            extra={"error": complaint[1], "reason": _reason(error)},
            exc_info=error,
        )


def _reason(error: Exception | None) -> str | None:
    """What the operating system calls it; other errors may quote what they stumbled over."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None else None
