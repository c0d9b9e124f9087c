"""Whether the server can work, asked seldom however often a client wants to know."""

import time
from collections.abc import Callable
from threading import Lock

from domain.errors import WebhookHandlerError

MAX_AGE_SECONDS = 5.0
"""How long a response is given again: load balancers ask every few seconds, each of them."""


class Readiness:
    """Remembers what ``check`` said; of many that ask at once, one runs it and the others wait.

    It answers an attack that keeps the store busy with requests for ``/readyz``, which needs
    no token.
    """

    def __init__(
        self, check: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._monotonic = monotonic
        self._lock = Lock()
        self._due_at = float("-inf")
        self._failure: WebhookHandlerError | None = None

    def __call__(self) -> None:
        """Raise what ``check`` raises."""
        with self._lock:
            if self._monotonic() >= self._due_at:
                self._failure = None
                try:
                    self._check()
                except WebhookHandlerError as error:
                    self._failure = error
                self._due_at = self._monotonic() + MAX_AGE_SECONDS
            failure = self._failure
        if failure is not None:
            raise failure
