"""Files that a provider holds."""

from abc import abstractmethod
from typing import Protocol

from application.ports.byte_stream import ByteStream

MAX_MEDIA_BYTES = 25 * 1024 * 1024
"""How large a file may be that is fetched from a provider."""


class MediaSource(Protocol):
    """Fetches files from one provider, when a reader asks for them. It keeps none."""

    @abstractmethod
    def fetch(self, url: str, account: str) -> ByteStream:
        """The file at ``url`` that came with a message to ``account``.

        Raises ``MediaNotFoundError`` if the provider does not have it any more,
        ``MediaRefusedError`` for a URL or an answer that is not to be trusted or is too large,
        and ``MediaUnavailableError`` if the provider does not answer in time. So does each
        chunk of it. No error has more of the URL in it than its host.
        """
