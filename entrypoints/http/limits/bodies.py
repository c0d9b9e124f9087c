"""The memory that bodies of requests hold together."""

from domain.errors import OverloadedError

FREE_BYTES = 64 * 1024
"""What every request may hold. Nearly all messages are smaller: large ones cannot stop them."""


class BodyMemory:
    """Counts the bytes of body that all requests hold together, beyond what each has free.

    It answers an attack that sends many large bodies at once, or never ends them: the HTTP
    parser knows no limit for bodies, and the process would run out of memory.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    def exchange(self, held_bytes: int, wanted_bytes: int) -> None:
        """Hold ``wanted_bytes`` instead of ``held_bytes``.

        Raises ``OverloadedError`` when all requests together would hold too much.
        """
        if self._held_bytes - held_bytes + wanted_bytes > self._limit_bytes:
            raise OverloadedError("too many large bodies at once")
        self._held_bytes += wanted_bytes - held_bytes


class MemoryShare:
    """What one request holds of a ``BodyMemory``."""

    __slots__ = ("_held_bytes", "_memory")

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._held_bytes = 0

    def hold(self, size_bytes: int) -> None:
        """Hold a body of this size in all. Raises ``OverloadedError`` as ``BodyMemory`` does."""
        wanted_bytes = max(size_bytes - FREE_BYTES, 0)
        if wanted_bytes != self._held_bytes:
            self._memory.exchange(self._held_bytes, wanted_bytes)
            self._held_bytes = wanted_bytes

    def close(self) -> None:
        """Hold nothing any more."""
        self.hold(0)
