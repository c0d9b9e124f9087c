"""The claim check stores the parts of a context that are too large for a queue."""

import json

import pytest

from application.ports.blobs import BlobStore
from domain.context import ContextObject, MessageContext
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.messages import Attachment, InboundMessage
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.serialization.claim_check import DEFAULT_LIMIT_BYTES, BlobClaimCheck
from infrastructure.serialization.context_json import (
    context_from_json,
    context_to_json,
    message_to_json,
)
from tests.builders import NOW, a_conversation, a_record, a_tenant, an_inbound_message

LIMIT = 4000


class FullBlobStore(MemoryBlobStore):
    """A blob store on a full disk."""

    def put(self, key: str, content: bytes) -> str:
        raise StorageUnavailableError("full")


@pytest.fixture
def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


def sent(blobs: BlobStore, message: InboundMessage, limit_bytes: int = LIMIT) -> MessageContext:
    """The message in a context as a consumer receives it."""
    content = BlobClaimCheck(blobs, limit_bytes).store(message)
    context = ContextObject.of(a_record(message), a_conversation(), a_tenant(), NOW, content)
    return context_from_json(context_to_json(context)).message


def size_bytes(message: InboundMessage) -> int:
    return len(message_to_json(MessageContext.of(message)).encode())


def test_context_that_just_fits_is_published_unchanged(blobs: MemoryBlobStore) -> None:
    message = an_inbound_message(body="ä" * 1000)
    assert sent(blobs, message, size_bytes(message)) == MessageContext.of(message)


def test_context_one_byte_over_the_limit_has_its_body_in_the_blob_store(
    blobs: MemoryBlobStore,
) -> None:
    context = an_inbound_message(body="ä" * 1000)
    message = sent(blobs, context, size_bytes(context) - 1)
    assert message.body_truncated
    assert message.body == "ä" * 512
    assert message.body_reference is not None
    assert blobs.get(message.body_reference).decode() == context.body


def test_other_fields_stay_in_the_context_when_storing_the_body_is_enough(
    blobs: MemoryBlobStore,
) -> None:
    context = an_inbound_message(body="x" * 5000, metadata={"profile_name": "Zora"})
    message = sent(blobs, context)
    assert message.metadata == context.full_metadata
    assert message.metadata_reference is None


def test_metadata_is_stored_too_when_the_context_is_still_too_large(blobs: MemoryBlobStore) -> None:
    context = an_inbound_message(body="x" * 5000, metadata={"headers": "y" * 5000})
    message = sent(blobs, context)
    assert message.metadata == {}
    assert message.metadata_reference is not None
    assert json.loads(blobs.get(message.metadata_reference)) == context.full_metadata


def test_attachments_of_a_context_that_is_still_too_large_are_stored(
    blobs: MemoryBlobStore,
) -> None:
    files = tuple(Attachment("image/png", f"{n}.png", url="u" * 100) for n in range(40))
    message = sent(blobs, an_inbound_message(attachments=files))
    assert message.attachments == ()
    listed = json.loads(blobs.get(str(message.metadata["attachments_reference"])))
    assert [entry["filename"] for entry in listed] == [file.filename for file in files]


def test_subject_of_a_context_that_is_still_too_large_is_stored(blobs: MemoryBlobStore) -> None:
    message = sent(blobs, an_inbound_message(subject="s" * 5000))
    assert message.subject == "s" * 1024
    assert blobs.get(str(message.metadata["subject_reference"])) == b"s" * 5000


def test_context_that_does_not_fit_in_any_form_is_not_published(blobs: MemoryBlobStore) -> None:
    with pytest.raises(QueueRoutingError):
        sent(blobs, an_inbound_message(message_id="r" * 5000))


def test_context_whose_body_cannot_be_stored_is_not_published() -> None:
    with pytest.raises(QueueRoutingError) as caught:
        sent(FullBlobStore(), an_inbound_message(body="x" * 5000))
    assert isinstance(caught.value.__cause__, StorageUnavailableError)


def test_context_published_again_has_the_same_references(blobs: MemoryBlobStore) -> None:
    context = an_inbound_message(body="x" * 5000)
    first, second = (sent(blobs, context) for _ in range(2))
    assert first == second


def test_default_limit_leaves_room_for_attributes_within_256_kib(blobs: MemoryBlobStore) -> None:
    assert DEFAULT_LIMIT_BYTES == 262_144 - 4096 - 16_384
    long = an_inbound_message(body="x" * 300_000)
    assert sent(blobs, long, DEFAULT_LIMIT_BYTES).body_truncated
    assert BlobClaimCheck(blobs).limit_bytes == DEFAULT_LIMIT_BYTES


def test_same_request_id_with_other_content_leaves_the_stored_parts_as_they_are(
    blobs: MemoryBlobStore,
) -> None:
    first, other = (an_inbound_message(body=letter * 5000) for letter in "xy")
    assert first.request_id == other.request_id
    references = [sent(blobs, message).body_reference for message in (first, other)]
    assert [blobs.get(str(reference))[:1] for reference in references] == [b"x", b"y"]

    BlobClaimCheck(blobs, LIMIT).delete(other)
    assert blobs.get(str(references[0])) == b"x" * 5000
    with pytest.raises(KeyError):
        blobs.get(str(references[1]))
