"""One timer for many deadlines."""

import asyncio
from collections.abc import Callable

TICK_SECONDS = 0.1
"""How much later than its deadline something may end."""


class Ticker:
    """Calls ``check`` again and again, as long as it returns that there is more to check.

    A timer for each request would cost more than most requests take to arrive.
    """

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._is_running = False

    def start(self) -> None:
        """Begin, unless it has begun. Only on the thread of the running event loop."""
        if not self._is_running:
            self._is_running = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._is_running = False  # it can be started again, also after an error
        if self._check():
            self.start()
