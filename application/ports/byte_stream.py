"""Content that is read piece by piece."""

from collections.abc import Callable, Iterator
from threading import Lock

CHUNK_BYTES = 64 * 1024
"""How much is read at once, at most."""


class ByteStream(Iterator[bytes]):
    """The rest of some content, in chunks that are not empty. Who opened it closes it.

    ``size_bytes`` is the length of all of it, where that is known. A chunk that cannot be read
    raises what the port says that made the stream. ``close`` may be called more than once, and
    from any thread: it waits while another one reads. A stream that gets lost closes itself.
    """

    def __init__(
        self, chunks: Iterator[bytes], size_bytes: int | None, close: Callable[[], object]
    ) -> None:
        self.size_bytes = size_bytes
        self._chunks = chunks
        self._close: Callable[[], object] | None = close
        self._lock = Lock()

    @classmethod
    def of(cls, content: bytes) -> "ByteStream":
        """``content`` that is in memory."""
        places = range(0, len(content), CHUNK_BYTES)
        chunks = (content[place : place + CHUNK_BYTES] for place in places)
        return cls(chunks, len(content), lambda: None)

    def __next__(self) -> bytes:
        """The next chunk; ``ValueError`` after ``close``."""
        with self._lock:
            if self._close is None:
                raise ValueError("the stream is closed")
            return next(self._chunks)

    def close(self) -> None:
        """Give up what the stream holds."""
        with self._lock:
            close, self._close = self._close, None
            if close is not None:
                close()

    def __del__(self) -> None:
        # The reader may go away before the stream has reached who was to close it.
        self.close()
