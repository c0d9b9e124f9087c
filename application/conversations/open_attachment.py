"""Open one file of a message, wherever it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from threading import Semaphore

from application.conversations.file_names import download_name
from application.conversations.image_types import FIRST_BYTES, image_type
from application.ports.blobs import BlobStore
from application.ports.byte_stream import ByteStream
from application.ports.media_source import MediaSource
from application.ports.message_store import MessageStore
from domain.channels import ChannelType
from domain.errors import AttachmentNotFoundError, MediaRefusedError, OverloadedError
from domain.messages import Attachment, MessageRecord

MAX_FETCHES = 4
"""How many files are fetched from providers at once, by one process."""

WAIT_SECONDS = 3.0
"""How long one more waits until another one is done."""

UNKNOWN_TYPE = "application/octet-stream"

MediaSources = Mapping[ChannelType, Callable[[], MediaSource | None]]


@dataclass(frozen=True, slots=True)
class OpenedAttachment:
    """A file on its way to a reader, who closes its ``content``.

    ``media_type`` is what its first bytes say: one of four types of pictures, or
    ``application/octet-stream``. Only a picture ``may_be_shown`` by a browser; all else is to be
    saved. ``file_name`` is safe as a name in any directory.
    """

    content: ByteStream
    media_type: str
    file_name: str

    @property
    def may_be_shown(self) -> bool:
        """Whether a browser may show it in a page."""
        return self.media_type != UNKNOWN_TYPE


@dataclass(frozen=True)
class OpenAttachment:
    """Opens stored files, and fetches those that a provider holds.

    A channel whose provider holds no files, or has no credentials, has ``None`` as its source.
    """

    messages: MessageStore
    blobs: BlobStore
    media_sources: MediaSources
    slots: Semaphore = field(default_factory=lambda: Semaphore(MAX_FETCHES))

    def __call__(
        self, request_id: str, index: int, *, may_read: Callable[[MessageRecord], bool]
    ) -> OpenedAttachment:
        """The attachment at ``index``, from 0, of the message with this request id.

        Raises ``AttachmentNotFoundError`` if there is none, if it was erased, or if the record
        is not one that the reader ``may_read``. Of a file that the provider holds: what
        ``MediaSource`` raises, and ``OverloadedError`` if too many are fetched. The texts of
        these errors may be shown. ``StorageUnavailableError`` as always.
        """
        record = self.messages.find_record(request_id)
        if not isinstance(record, MessageRecord) or not may_read(record):
            raise AttachmentNotFoundError("there is no message with this id")
        attachments = record.message.attachments
        if not 0 <= index < len(attachments):
            raise AttachmentNotFoundError("the message has no such attachment")
        attachment = attachments[index]
        return _opened(self._content(record, attachment), attachment, index)

    def _content(self, record: MessageRecord, attachment: Attachment) -> ByteStream:
        if attachment.reference is not None:
            try:
                return self.blobs.open(attachment.reference)
            except KeyError as error:
                raise AttachmentNotFoundError("the file is not stored any more") from error
        if attachment.url is None:
            raise AttachmentNotFoundError("the file was never stored")
        source = self.media_sources[record.message.channel]()
        if source is None:
            raise MediaRefusedError(
                "without the provider's credentials its files cannot be fetched; "
                "those of simulated messages do not exist"
            )
        return self._fetched(source, attachment.url, record.message.account)

    def _fetched(self, source: MediaSource, url: str, account: str) -> ByteStream:
        if not self.slots.acquire(timeout=WAIT_SECONDS):
            raise OverloadedError("too many files are fetched from providers at the moment")
        try:
            stream = source.fetch(url, account)
        except BaseException:
            self.slots.release()
            raise

        def close() -> None:
            try:
                stream.close()
            finally:
                self.slots.release()

        return ByteStream(stream, stream.size_bytes, close)


def _opened(stream: ByteStream, attachment: Attachment, index: int) -> OpenedAttachment:
    """``stream`` with what its first bytes say."""
    first = b""
    try:
        while len(first) < FIRST_BYTES and (chunk := next(stream, None)) is not None:
            first += chunk
    except BaseException:
        stream.close()
        raise
    media_type = image_type(first) or UNKNOWN_TYPE
    chunks = chain([first] if first else [], stream)
    return OpenedAttachment(
        content=ByteStream(chunks, stream.size_bytes, stream.close),
        media_type=media_type,
        file_name=download_name(attachment, index, media_type),
    )
