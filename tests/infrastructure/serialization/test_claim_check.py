"""What is too large for a queue waits in the blob store."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports.blobs import BlobStore
from domain.context import ContextObject
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.messages import Attachment
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.memory.memory_queue import MemoryContextQueue
from infrastructure.serialization.claim_check import DEFAULT_LIMIT_BYTES, ClaimCheckPublisher
from infrastructure.serialization.context_json import context_to_json
from tests.contracts.context_queue import AT_ONCE, REPLIES, ManualClock, a_context, depth_of

LIMIT = 4000


class BrokenBlobStore(MemoryBlobStore):
    """A disk that is full."""

    def put(self, key: str, content: bytes) -> str:
        raise StorageUnavailableError("full")


class StubbornBlobStore(MemoryBlobStore):
    """Nothing can be deleted."""

    def delete(self, folder: str) -> int:
        raise StorageUnavailableError(f"{folder} may not be deleted")


@pytest.fixture
def queue() -> MemoryContextQueue:
    return MemoryContextQueue(ManualClock())


@pytest.fixture
def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


def sent(
    queue: MemoryContextQueue, blobs: BlobStore, context: ContextObject, limit_bytes: int = LIMIT
) -> ContextObject:
    """The context as it came out at the other end."""
    ClaimCheckPublisher(queue, blobs, limit_bytes=limit_bytes).publish(context, AT_ONCE)
    (delivery,) = queue.receive(REPLIES, 1, visibility=timedelta(0))
    return delivery.context


def size_bytes(context: ContextObject) -> int:
    return len(context_to_json(context).encode())


def test_a_context_that_just_fits_goes_unchanged(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    context = a_context(body="ä" * 1000)
    assert sent(queue, blobs, context, size_bytes(context)) == context


def test_one_byte_more_and_its_body_waits_in_the_store(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    context = a_context(body="ä" * 1000)
    message = sent(queue, blobs, context, size_bytes(context) - 1).message
    assert message.body_truncated
    assert message.body == "ä" * 512
    assert message.body_reference is not None
    assert blobs.get(message.body_reference).decode() == context.message.body


def test_everything_else_stays_when_the_body_was_enough(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    context = a_context(body="x" * 5000, metadata={"sender": "whatsapp:+14155550123"})
    message = sent(queue, blobs, context).message
    assert message.metadata == context.message.metadata
    assert message.metadata_reference is None


def test_metadata_goes_too_when_the_rest_is_still_too_large(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    context = a_context(body="x" * 5000, metadata={"headers": "y" * 5000})
    message = sent(queue, blobs, context).message
    assert message.metadata == {}
    assert message.metadata_reference is not None
    assert json.loads(blobs.get(message.metadata_reference)) == context.message.metadata


def test_then_the_list_of_attachments(queue: MemoryContextQueue, blobs: MemoryBlobStore) -> None:
    files = tuple(Attachment("image/png", f"{n}.png", url="u" * 100) for n in range(40))
    message = sent(queue, blobs, a_context(attachments=files)).message
    assert message.attachments == ()
    listed = json.loads(blobs.get(str(message.metadata["attachments_reference"])))
    assert [entry["filename"] for entry in listed] == [file.filename for file in files]


def test_then_the_subject(queue: MemoryContextQueue, blobs: MemoryBlobStore) -> None:
    message = sent(queue, blobs, a_context(subject="s" * 5000)).message
    assert message.subject == "s" * 1024
    assert blobs.get(str(message.metadata["subject_reference"])) == b"s" * 5000


def test_what_does_not_fit_in_any_form_is_not_published(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    with pytest.raises(QueueRoutingError):
        sent(queue, blobs, a_context(recipient="r" * 5000))
    assert depth_of(queue).ready == 0


def test_nothing_is_published_when_the_body_cannot_be_stored(queue: MemoryContextQueue) -> None:
    with pytest.raises(QueueRoutingError) as caught:
        sent(queue, BrokenBlobStore(), a_context(body="x" * 5000))
    assert isinstance(caught.value.__cause__, StorageUnavailableError)
    assert depth_of(queue).ready == 0


def test_a_republished_context_has_the_same_references(blobs: MemoryBlobStore) -> None:
    context = a_context(request_id=str(uuid4()), body="x" * 5000)
    first, second = (
        sent(MemoryContextQueue(ManualClock()), blobs, context).message for _ in range(2)
    )
    assert first == second


def test_the_default_leaves_room_for_attributes_within_256_kib(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    assert DEFAULT_LIMIT_BYTES == 262_144 - 4096
    ClaimCheckPublisher(queue, blobs).publish(a_context(body="x" * 300_000), AT_ONCE)
    (delivery,) = queue.receive(REPLIES, 1)
    assert delivery.context.message.body_truncated


def test_what_is_taken_back_leaves_nothing_in_the_store(
    queue: MemoryContextQueue, blobs: MemoryBlobStore
) -> None:
    publisher = ClaimCheckPublisher(queue, blobs, limit_bytes=LIMIT)
    for name in ("request-1", "request-2"):
        context = a_context(name, body="x" * 5000, metadata={"headers": "y" * 5000})
        publisher.publish(context, AT_ONCE)
    assert publisher.erase("request-1") == 3
    (left,) = queue.receive(REPLIES, 10)
    assert left.context.request_id == "request-2"
    assert blobs.get(str(left.context.message.body_reference)) == b"x" * 5000
    assert blobs.delete("contexts/request-1") == 0


def test_parts_go_before_the_context_that_leads_to_them(queue: MemoryContextQueue) -> None:
    publisher = ClaimCheckPublisher(queue, StubbornBlobStore(), limit_bytes=LIMIT)
    publisher.publish(a_context(body="x" * 5000), AT_ONCE)
    with pytest.raises(StorageUnavailableError):
        publisher.erase("request-1")
    assert depth_of(queue).ready == 1
