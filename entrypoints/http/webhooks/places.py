"""A number of places, and a line of those who wait for one."""

import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """What waits, in the order in which it came, and since when."""

    def __init__(self) -> None:
        self._since: dict[T, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, one: T) -> bool:
        return one in self._since

    def add(self, one: T) -> None:
        """``one`` waits from now on."""
        self._since[one] = time.monotonic()

    def leave(self, one: T) -> None:
        """``one`` waits no longer, if it did."""
        self._since.pop(one, None)

    def pop(self) -> T:
        """Take the one that has waited the longest."""
        first = next(iter(self._since))
        del self._since[first]
        return first

    def pop_overdue(self, seconds: float) -> Iterator[T]:
        """Take those that have waited so long, the longest first."""
        while self._since and self.has_waited(seconds):
            yield self.pop()

    def has_waited(self, seconds: float) -> bool:
        """Whether the first has waited so long. There must be one."""
        return time.monotonic() - next(iter(self._since.values())) >= seconds


class Places(Generic[T]):
    """At most ``count`` may be ``taken`` at once; who finds no place waits for one."""

    def __init__(self, count: int, taken: Callable[[T], None]) -> None:
        self._free = count
        self._taken = taken
        self.waiting: Line[T] = Line()

    @property
    def are_taken(self) -> bool:
        """Whether all are."""
        return self._free == 0

    def take(self, one: T) -> None:
        """Give ``one`` a place, now or when one is free."""
        if self._free:
            self._free -= 1
            self._taken(one)
        else:
            self.waiting.add(one)

    def release(self) -> None:
        """Give a place to the one that has waited the longest, if one waits."""
        if self.waiting:
            self._taken(self.waiting.pop())
        else:
            self._free += 1
