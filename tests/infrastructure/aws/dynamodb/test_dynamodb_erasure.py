"""Erasure in DynamoDB: the tombstone of an item, and the texts in the blob store."""

import pytest

from domain.channels import ChannelType
from domain.conversations import Message
from domain.erasure import RetainedMessage, Tombstone
from domain.errors import StorageUnavailableError
from domain.messages import MessageState
from infrastructure.aws.dynamodb.dynamodb_values import attributes
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.builders import KEY, SENDER, a_conversation, a_record, an_inbound_message
from tests.contracts.erasure import LONG, retained
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

RECORD = a_record(an_inbound_message(body=LONG))


class CrashingBlobs(MemoryBlobStore):
    """A blob store whose first delete fails as if the process were killed."""

    crashes = 1

    def delete(self, folder: str) -> int:
        if self.crashes:
            self.crashes -= 1
            raise StorageUnavailableError("the process was killed")
        return super().delete(folder)

    def left(self) -> list[str]:
        """The keys of the blobs that still exist."""
        return list(self._contents)


@pytest.fixture
def blobs() -> CrashingBlobs:
    return CrashingBlobs()


def test_erased_item_has_its_key_and_no_content(tables: Tables) -> None:
    stores = tables.stores()
    record = a_record(an_inbound_message(ChannelType.EMAIL))
    stores.messages.record(record)
    stores.outbox.mark_queued(record.request_id, record.recorded_at)
    stores.retention.erase(RetainedMessage.of(record))
    (item,) = tables.items("messages")
    assert set(item) == {
        *("request_id", "state", "content_marks"),
        *("timestamp", "recorded_at", "channel_type"),
    }
    assert item["state"] == {"S": MessageState.ERASED}
    assert len(item["content_marks"]["S"]) == 14


def test_next_listing_after_a_crash_deletes_the_texts_in_the_blob_store(
    tables: Tables, blobs: CrashingBlobs
) -> None:
    stores = tables.stores(blobs)
    stores.messages.record(RECORD)
    assert len(blobs.left()) == 1
    with pytest.raises(StorageUnavailableError):
        stores.retention.erase(RetainedMessage.of(RECORD))
    assert isinstance(stores.messages.record(RECORD), Tombstone)
    assert retained(stores) == {}
    assert blobs.left() == []
    assert all("texts_left" not in item for item in tables.items("messages"))


def test_lists_omit_an_erased_message_whose_texts_are_not_deleted_yet(
    tables: Tables, blobs: CrashingBlobs
) -> None:
    stores = tables.stores(blobs)
    record = a_record(RECORD.message, None)
    stores.messages.record(record)
    with pytest.raises(StorageUnavailableError):
        stores.retention.erase(RetainedMessage.of(record))
    assert stores.messages.list_unmatched(10).items == ()
    assert stores.messages.history(KEY) == ()


def test_duplicate_of_an_erased_message_stores_no_text(
    tables: Tables, blobs: CrashingBlobs
) -> None:
    blobs.crashes = 0
    stores = tables.stores(blobs)
    stores.messages.record(RECORD)
    stores.retention.erase(RetainedMessage.of(RECORD))
    assert isinstance(stores.messages.record(RECORD), Tombstone)
    assert blobs.left() == []


def test_text_of_another_message_with_a_used_id_does_not_stay_with_the_first(
    tables: Tables, blobs: CrashingBlobs
) -> None:
    blobs.crashes = 0
    stores = tables.stores(blobs)
    stores.messages.record(RECORD)
    stored = blobs.left()
    other = a_record(an_inbound_message(body=f"{LONG}!"))

    assert stores.messages.record(other) == RECORD
    assert stores.messages.record(RECORD) == RECORD
    assert blobs.left() == stored


def test_erasing_an_imported_entry_deletes_its_texts(tables: Tables, blobs: CrashingBlobs) -> None:
    blobs.crashes = 0
    stores = tables.stores(blobs)
    stores.history_import.import_message(KEY, Message.of(RECORD.message))
    (entry,) = retained(stores).values()
    assert stores.retention.erase(entry)
    assert (blobs.left(), tables.items("messages")) == ([], [])


@pytest.fixture
def foreign(tables: Tables) -> Tables:
    """Tables with a record of another system, whose sender is in that system's form."""
    tables.put_foreign(
        primary_channel="whatsapp", sender_id="whatsapp:+14155550123", conversation_status="closed"
    )
    return tables


def test_closed_records_of_other_systems_are_found_and_erased_whole(foreign: Tables) -> None:
    stores = foreign.stores()
    channel = a_conversation().primary_channel.WHATSAPP
    (found,) = stores.retention.find_all_conversations(channel, ["+14155550123"])
    assert stores.retention.erase_conversation(found.key)
    assert foreign.items("conversations") == []


@pytest.mark.parametrize(
    "written",
    ["Zora.Quill@Example.COM", " zora.quill@example.com", "Zora <Zora.Quill@example.com>"],
)
def test_records_with_a_sender_in_another_form_are_found_for_erasure(
    tables: Tables, written: str
) -> None:
    tables.put_foreign(primary_channel="email", sender_id=written)
    tables.put_foreign(
        primary_channel="email", sender_id="x@example.com", conversation_id="another"
    )
    stores = tables.stores()
    (found,) = stores.retention.find_all_conversations(
        ChannelType.EMAIL, ["zora.quill@example.com"]
    )
    assert found.sender_id == written
    assert (
        stores.retention.find_all_conversations(ChannelType.SMS, ["zora.quill@example.com"]) == ()
    )


def test_participants_written_after_the_erasure_of_their_record_are_deleted(tables: Tables) -> None:
    stores = tables.stores()
    stores.conversations.open_conversation(a_conversation())
    late = tables.items("participants")
    stores.retention.erase_conversation(KEY)
    for item in late:
        tables.put("participants", item)
    assert stores.retention.find_all_conversations(ChannelType.SMS, [SENDER[ChannelType.SMS]]) == ()
    assert tables.items("participants") == []


def test_last_message_in_an_unknown_form_is_not_changed(tables: Tables) -> None:
    tables.put_foreign(last_message="Hello")
    stores = tables.stores()
    assert sum(stores.retention.erase_last_messages(a_record().recorded_at)) == 0
    (item,) = tables.items("conversations")
    assert item["last_message"] == attributes({"text": "Hello"})["text"]


def test_message_whose_content_is_missing_in_the_blob_store_can_be_erased(tables: Tables) -> None:
    references = tuple(f"<{number}@{'x' * 1000}.example>" for number in range(200))
    record = a_record(an_inbound_message(thread_references=references))
    tables.stores(MemoryBlobStore()).messages.record(record)
    stores = tables.stores(MemoryBlobStore())
    (found,) = retained(stores).values()
    assert (found.message, found.is_imported) == (None, False)
    assert stores.retention.erase(found)
    assert isinstance(stores.messages.record(record), Tombstone)
