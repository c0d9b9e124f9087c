"""A value that changes elsewhere: used for a while, then read again while others use it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from application.clock import Clock
from domain.errors import SecretsUnavailableError, safe_reason

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
Result = TypeVar("Result")

MAX_AGE = timedelta(minutes=15)
"""How long a value is used before it is read again."""

MIN_INTERVAL = timedelta(minutes=1)
"""At most how often a failed verification, or a failed reading, makes it be read again."""

RETRY_INTERVAL = timedelta(seconds=5)
"""How often a first value is asked for, while there is none."""


class CachedValue(Generic[Value]):
    """What ``load`` returns. One caller at a time loads; safe to share among threads.

    A reload that fails with an error which is ``tolerated`` leaves the value as it was; after
    another one there is none. Without any value ``load``'s error is raised, or
    ``SecretsUnavailableError`` if it failed a moment ago. After ``max_age`` it is loaded again.
    """

    def __init__(
        self,
        load: Callable[[], Value],
        clock: Clock,
        max_age: timedelta = MAX_AGE,
        *,
        tolerated: type[Exception] = Exception,
    ) -> None:
        self._load = load
        self._clock = clock
        self._max_age = max_age
        self._tolerated = tolerated
        self._lock = Lock()
        self._value: Value | None = None
        self._failure: Exception | None = None
        self._tried_at = self._due_at = datetime.min.replace(tzinfo=UTC)

    def current(self) -> Value:
        """The value. When it is old, one caller reloads it, and the others go on with it."""
        value = self._value
        if value is None:
            with self._lock:
                return self._first() if self._value is None else self._value
        if self._clock() >= self._due_at and self._lock.acquire(blocking=False):
            try:
                return self._reloaded(value)
            finally:
                self._lock.release()
        return value

    def use(self, work: Callable[[], Result], retry_on: type[Exception]) -> Result:
        """What ``work`` makes of the value, once more with a newer one if it raises ``retry_on``.

        The value may be a secret that was changed a moment ago.
        """
        used = self.current()
        try:
            return work()
        except retry_on:
            if self.newer_than(used) is None:
                raise
        return work()

    def newer_than(self, outdated: Value) -> Value | None:
        """Another value than ``outdated``; ``None`` if there is none.

        At most once in ``MIN_INTERVAL`` it is loaded for this. Other callers wait meanwhile
        for it, for the value that comes is the one that they need.
        """
        with self._lock:
            value = self._value
            may_try = self._clock() - self._tried_at >= MIN_INTERVAL
            if value is not None and value is outdated and may_try:
                value = self._reloaded(value)
            return None if value is outdated else value

    def _first(self) -> Value:
        tried_ago = self._clock() - self._tried_at
        if self._failure is not None and tried_ago < RETRY_INTERVAL:
            raise SecretsUnavailableError("they could not be read a moment ago") from self._failure
        return self._loaded()

    def _reloaded(self, value: Value) -> Value:
        try:
            return self._loaded()
        except Exception as error:
            extra = {"error": type(error).__name__, "reason": safe_reason(error)}
            logger.warning("secrets could not be read again", extra=extra)
            if not isinstance(error, self._tolerated):
                self._value = None
                raise
            return value

    def _loaded(self) -> Value:
        """The value as it is now: the same object as long as it is equal."""
        self._tried_at = self._clock()
        self._due_at = self._tried_at + MIN_INTERVAL
        try:
            loaded = self._load()
        except Exception as error:
            self._failure = error
            raise
        self._due_at = self._tried_at + self._max_age
        if self._value is None or loaded != self._value:
            self._value = loaded
        return self._value
