"""The claim check stores the parts of a context that are too large for a queue."""

import json
from uuid import uuid4

import pytest

from application.ports.blobs import BlobStore
from domain.context import ContextObject
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.messages import Attachment
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.serialization.claim_check import DEFAULT_LIMIT_BYTES, ClaimCheck
from infrastructure.serialization.context_json import context_from_json, context_to_json
from tests.contracts.context_queue import a_context

LIMIT = 4000


class FullBlobStore(MemoryBlobStore):
    """A blob store on a full disk."""

    def put(self, key: str, content: bytes) -> str:
        raise StorageUnavailableError("full")


@pytest.fixture
def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


def sent(blobs: BlobStore, context: ContextObject, limit_bytes: int = LIMIT) -> ContextObject:
    """The context as a consumer receives it."""
    return context_from_json(ClaimCheck(blobs, limit_bytes)(context))


def size_bytes(context: ContextObject) -> int:
    return len(context_to_json(context).encode())


def test_context_that_just_fits_is_published_unchanged(blobs: MemoryBlobStore) -> None:
    context = a_context(body="ä" * 1000)
    assert sent(blobs, context, size_bytes(context)) == context


def test_context_one_byte_over_the_limit_has_its_body_in_the_blob_store(
    blobs: MemoryBlobStore,
) -> None:
    context = a_context(body="ä" * 1000)
    message = sent(blobs, context, size_bytes(context) - 1).message
    assert message.body_truncated
    assert message.body == "ä" * 512
    assert message.body_reference is not None
    assert blobs.get(message.body_reference).decode() == context.message.body


def test_other_fields_stay_in_the_context_when_storing_the_body_is_enough(
    blobs: MemoryBlobStore,
) -> None:
    context = a_context(body="x" * 5000, metadata={"sender": "whatsapp:+14155550123"})
    message = sent(blobs, context).message
    assert message.metadata == context.message.metadata
    assert message.metadata_reference is None


def test_metadata_is_stored_too_when_the_context_is_still_too_large(blobs: MemoryBlobStore) -> None:
    context = a_context(body="x" * 5000, metadata={"headers": "y" * 5000})
    message = sent(blobs, context).message
    assert message.metadata == {}
    assert message.metadata_reference is not None
    assert json.loads(blobs.get(message.metadata_reference)) == context.message.metadata


def test_attachments_of_a_context_that_is_still_too_large_are_stored(
    blobs: MemoryBlobStore,
) -> None:
    files = tuple(Attachment("image/png", f"{n}.png", url="u" * 100) for n in range(40))
    message = sent(blobs, a_context(attachments=files)).message
    assert message.attachments == ()
    listed = json.loads(blobs.get(str(message.metadata["attachments_reference"])))
    assert [entry["filename"] for entry in listed] == [file.filename for file in files]


def test_subject_of_a_context_that_is_still_too_large_is_stored(blobs: MemoryBlobStore) -> None:
    message = sent(blobs, a_context(subject="s" * 5000)).message
    assert message.subject == "s" * 1024
    assert blobs.get(str(message.metadata["subject_reference"])) == b"s" * 5000


def test_context_that_does_not_fit_in_any_form_is_not_published(blobs: MemoryBlobStore) -> None:
    with pytest.raises(QueueRoutingError):
        sent(blobs, a_context(recipient="r" * 5000))


def test_context_whose_body_cannot_be_stored_is_not_published() -> None:
    with pytest.raises(QueueRoutingError) as caught:
        sent(FullBlobStore(), a_context(body="x" * 5000))
    assert isinstance(caught.value.__cause__, StorageUnavailableError)


def test_context_published_again_has_the_same_references(blobs: MemoryBlobStore) -> None:
    context = a_context(request_id=str(uuid4()), body="x" * 5000)
    first, second = (sent(blobs, context).message for _ in range(2))
    assert first == second


def test_default_limit_leaves_room_for_attributes_within_256_kib(blobs: MemoryBlobStore) -> None:
    assert DEFAULT_LIMIT_BYTES == 262_144 - 4096
    assert context_from_json(
        ClaimCheck(blobs)(a_context(body="x" * 300_000))
    ).message.body_truncated
