"""A reader gets a file of a message, or a clear reason why not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from threading import Event, Semaphore, Thread

import pytest

from application.conversations import open_attachment
from application.conversations.open_attachment import MAX_FETCHES, OpenAttachment, OpenedAttachment
from application.ports.byte_stream import ByteStream
from application.ports.media_source import MediaSource
from domain.channels import ChannelType
from domain.erasure import RetainedMessage, attachments_folder
from domain.errors import (
    AttachmentNotFoundError,
    MediaRefusedError,
    MediaUnavailableError,
    OverloadedError,
)
from domain.messages import Attachment, MessageRecord
from tests.application.conversations.test_image_types import JPEG, PNG
from tests.application.frontdesk import FrontDesk
from tests.builders import ACCOUNT, a_record, an_inbound_message

URL = "https://media.example.com/1"
UNKNOWN = "00000000-0000-8000-8000-000000000000"


@dataclass
class StubSource(MediaSource):
    """Holds one file for all messages."""

    content: bytes = b"held by the provider"
    error: Exception | None = None
    error_while_read: Exception | None = None
    size_bytes: int | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    open_streams: int = 0

    def fetch(self, url: str, account: str) -> ByteStream:
        self.asked.append((url, account))
        if self.error:
            raise self.error
        self.open_streams += 1
        return ByteStream(self._bytes(), self.size_bytes, self._close)

    def _bytes(self) -> Iterator[bytes]:
        for place in range(len(self.content)):
            yield self.content[place : place + 1]
        if self.error_while_read:
            raise self.error_while_read

    def _close(self) -> None:
        self.open_streams -= 1


class Reader:
    """Stores messages in a front desk, and reads their files."""

    def __init__(self) -> None:
        self.frontdesk = FrontDesk()
        self.source: StubSource | None = StubSource()
        self.slots = Semaphore(MAX_FETCHES)

    def given(self, *attachments: Attachment, channel: ChannelType = ChannelType.SMS) -> str:
        message = an_inbound_message(channel, attachments=attachments)
        self.frontdesk.messages.record(a_record(message))
        return message.request_id

    def given_stored(self, content: bytes, name: str | None = None, kind: str = "text/html") -> str:
        folder = attachments_folder(an_inbound_message(ChannelType.EMAIL))
        reference = self.frontdesk.blobs.put(f"{folder}/1", content)
        file = Attachment(kind, filename=name, reference=reference)
        return self.given(file, channel=ChannelType.EMAIL)

    def open(
        self,
        request_id: str,
        index: int = 0,
        may_read: Callable[[MessageRecord], bool] = lambda record: True,
    ) -> OpenedAttachment:
        opening = OpenAttachment(
            self.frontdesk.messages,
            self.frontdesk.blobs,
            dict.fromkeys(ChannelType, lambda: self.source),
            self.slots,
        )
        return opening(request_id, index, may_read=may_read)

    def read(self, request_id: str, index: int = 0) -> bytes:
        opened = self.open(request_id, index)
        with closing(opened.content) as stream:
            return b"".join(stream)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("content", [b"", b"x", b"<script>" * 30_000])
def test_stored_file_is_read_whole(reader: Reader, content: bytes) -> None:
    request_id = reader.given_stored(content)
    opened = reader.open(request_id)
    assert opened.content.size_bytes == len(content)
    assert b"".join(opened.content) == content


def test_file_of_the_provider_is_fetched_for_the_account_of_the_message(reader: Reader) -> None:
    request_id = reader.given(Attachment("image/png", url=URL))
    assert reader.read(request_id) == b"held by the provider"
    assert reader.source is not None
    assert reader.source.asked == [(URL, ACCOUNT)]


def test_each_attachment_is_found_by_its_place(reader: Reader) -> None:
    files = [Attachment("image/png", url=f"{URL}/{number}") for number in range(3)]
    request_id = reader.given(*files)
    reader.read(request_id, 2)
    assert reader.source is not None
    assert reader.source.asked == [(f"{URL}/2", ACCOUNT)]


@pytest.mark.parametrize("index", [-1, 1, 10**30])
def test_place_without_an_attachment_is_not_found(reader: Reader, index: int) -> None:
    request_id = reader.given(Attachment("image/png", url=URL))
    with pytest.raises(AttachmentNotFoundError, match="has no such attachment"):
        reader.open(request_id, index)


@pytest.mark.parametrize("claimed", ["text/html", "image/png", "image/svg+xml", "a\r\nb: c"])
@pytest.mark.parametrize("where", ["stored", "at the provider"])
@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (b"<html>", "application/octet-stream")],
)
def test_first_bytes_decide_the_type(
    reader: Reader, claimed: str, where: str, content: bytes, media_type: str
) -> None:
    reader.source = StubSource(content)
    if where == "stored":
        request_id = reader.given_stored(content, kind=claimed)
    else:
        request_id = reader.given(Attachment(claimed, url=URL))
    opened = reader.open(request_id)
    assert opened.media_type == media_type
    assert opened.may_be_shown is (media_type != "application/octet-stream")
    assert b"".join(opened.content) == content


def test_name_of_the_file_is_made_safe(reader: Reader) -> None:
    assert reader.open(reader.given_stored(b"x", "../\u202ea.exe")).file_name == "_a.exe"


def test_unknown_message_is_not_found(reader: Reader) -> None:
    with pytest.raises(AttachmentNotFoundError, match="no message with this id"):
        reader.open(UNKNOWN)


def test_message_of_others_looks_like_an_unknown_one(reader: Reader) -> None:
    request_id = reader.given_stored(b"secret")
    seen: list[str] = []

    def may_read(record: MessageRecord) -> bool:
        seen.append(record.request_id)
        return False

    for index in (0, 5):
        with pytest.raises(AttachmentNotFoundError, match="no message with this id"):
            reader.open(request_id, index, may_read)
    assert seen == [request_id] * 2


def test_erased_message_looks_like_an_unknown_one(reader: Reader) -> None:
    request_id = reader.given(Attachment("image/png", url=URL))
    record = reader.frontdesk.messages.find_record(request_id)
    assert isinstance(record, MessageRecord)
    reader.frontdesk.retention.erase(RetainedMessage.of(record))
    with pytest.raises(AttachmentNotFoundError, match="no message with this id"):
        reader.open(request_id)
    assert reader.source is not None
    assert reader.source.asked == []


def test_file_that_was_deleted_is_not_found(reader: Reader) -> None:
    request_id = reader.given_stored(b"x")
    reader.frontdesk.blobs.delete("attachments/" + an_inbound_message(ChannelType.EMAIL).source_key)
    with pytest.raises(AttachmentNotFoundError, match="not stored any more"):
        reader.open(request_id)


def test_file_that_is_nowhere_is_not_found(reader: Reader) -> None:
    request_id = reader.given(Attachment("text/plain", filename="a.txt"))
    with pytest.raises(AttachmentNotFoundError, match="never stored"):
        reader.open(request_id)


def test_without_credentials_a_file_of_the_provider_is_refused(reader: Reader) -> None:
    reader.source = None
    request_id = reader.given(Attachment("image/png", url=URL))
    with pytest.raises(MediaRefusedError, match="without the provider's credentials"):
        reader.open(request_id)


def given_fetches(reader: Reader, source: StubSource) -> str:
    reader.source = source
    return reader.given(Attachment("image/png", url=URL))


def test_fifth_fetch_at_once_waits_for_another_one(reader: Reader) -> None:
    request_id = given_fetches(reader, StubSource())
    opened = [reader.open(request_id) for _ in range(MAX_FETCHES)]
    waits, read = Event(), []

    class NoticedSemaphore:
        """Tells when the fifth begins to wait."""

        def acquire(self, *, timeout: float) -> bool:
            waits.set()
            return slots.acquire(timeout=timeout)

        release = reader.slots.release

    slots = reader.slots
    reader.slots = NoticedSemaphore()  # type: ignore[assignment]  # what is used of one
    fifth = Thread(target=lambda: read.append(reader.read(request_id)))
    fifth.start()
    assert waits.wait(10)
    assert read == []
    opened[0].content.close()
    fifth.join(10)
    assert read == [b"held by the provider"]


def test_fetch_is_refused_if_no_other_one_ends(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_attachment, "WAIT_SECONDS", 0.01)
    source = StubSource()
    request_id = given_fetches(reader, source)
    opened = [reader.open(request_id) for _ in range(MAX_FETCHES)]
    with pytest.raises(OverloadedError, match="too many files"):
        reader.open(request_id)
    assert len(source.asked) == MAX_FETCHES
    for each in opened:
        each.content.close()
    assert reader.read(request_id) == source.content


def test_stored_files_do_not_wait_for_fetches(reader: Reader) -> None:
    reader.slots = Semaphore(0)
    assert reader.read(reader.given_stored(b"stored")) == b"stored"


@pytest.mark.parametrize(
    "source",
    [
        StubSource(error=MediaUnavailableError("no answer")),
        StubSource(b"x", error_while_read=MediaUnavailableError("no answer")),
    ],
)
def test_failed_fetch_holds_nothing(reader: Reader, source: StubSource) -> None:
    request_id = given_fetches(reader, source)
    for _ in range(MAX_FETCHES + 1):
        with pytest.raises(MediaUnavailableError, match="no answer"):
            reader.open(request_id)
    assert source.open_streams == 0


def test_file_that_breaks_off_later_raises_when_it_is_read(reader: Reader) -> None:
    source = StubSource(PNG, error_while_read=MediaUnavailableError("no answer"))
    request_id = given_fetches(reader, source)
    with pytest.raises(MediaUnavailableError, match="no answer"):
        reader.read(request_id)
    assert source.open_streams == 0
    assert reader.slots.acquire(blocking=False)


def test_size_that_the_provider_tells_is_passed_on(reader: Reader) -> None:
    request_id = given_fetches(reader, StubSource(size_bytes=20))
    with closing(reader.open(request_id).content) as stream:
        assert stream.size_bytes == 20


def test_record_of_another_channel_has_its_own_source(reader: Reader) -> None:
    message = replace(
        an_inbound_message(ChannelType.WHATSAPP), attachments=(Attachment("a/b", url=URL),)
    )
    reader.frontdesk.messages.record(a_record(message))
    opening = OpenAttachment(
        reader.frontdesk.messages,
        reader.frontdesk.blobs,
        {ChannelType.WHATSAPP: lambda: StubSource(b"of WhatsApp"), ChannelType.SMS: lambda: None},
    )
    with closing(opening(message.request_id, 0, may_read=lambda record: True).content) as stream:
        assert b"".join(stream) == b"of WhatsApp"
