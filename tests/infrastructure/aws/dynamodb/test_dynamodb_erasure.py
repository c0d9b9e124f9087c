"""Erasing in DynamoDB: what is left of an item, and of texts that are not in it."""

import pytest

from domain.channels import ChannelType
from domain.erasure import RetainedMessage, Tombstone
from domain.errors import StorageUnavailableError
from domain.outbox import MessageState
from infrastructure.aws.dynamodb.dynamodb_values import attributes
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.builders import KEY, SENDER, a_conversation, a_record, an_inbound_message
from tests.contracts.erasure import LONG, retained
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

RECORD = a_record(an_inbound_message(body=LONG))


class CrashingBlobs(MemoryBlobStore):
    """Whoever deletes first, dies."""

    crashes = 1

    def delete(self, folder: str) -> int:
        if self.crashes:
            self.crashes -= 1
            raise StorageUnavailableError("the process was killed")
        return super().delete(folder)

    def left(self) -> list[str]:
        """The keys that there are."""
        return list(self._contents)


@pytest.fixture
def blobs() -> CrashingBlobs:
    return CrashingBlobs()


def test_an_erased_item_holds_its_key_and_nothing_that_was_said(tables: Tables) -> None:
    stores = tables.stores()
    stores.messages.record(a_record())
    stores.outbox.mark_queued(a_record().request_id, a_record().recorded_at)
    stores.retention.erase(RetainedMessage.of(a_record()))
    (item,) = tables.items("messages")
    assert set(item) == {
        *("request_id", "request_id", "state", "author_mark"),
        *("timestamp", "recorded_at", "channel_type"),
    }
    assert item["state"] == {"S": MessageState.ERASED}
    assert len(item["author_mark"]["S"]) == 4


def test_texts_elsewhere_are_deleted_by_whoever_lists_after_a_crash(
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


def test_until_then_nothing_that_reads_is_in_the_way_of_a_missing_text(
    tables: Tables, blobs: CrashingBlobs
) -> None:
    stores = tables.stores(blobs)
    record = a_record(RECORD.message, None)
    stores.messages.record(record)
    with pytest.raises(StorageUnavailableError):
        stores.retention.erase(RetainedMessage.of(record))
    assert stores.messages.list_unmatched(10).items == ()
    assert stores.messages.history(KEY) == ()


def test_a_duplicate_of_an_erased_message_leaves_no_text_behind(
    tables: Tables, blobs: CrashingBlobs
) -> None:
    blobs.crashes = 0
    stores = tables.stores(blobs)
    stores.messages.record(RECORD)
    stores.retention.erase(RetainedMessage.of(RECORD))
    assert isinstance(stores.messages.record(RECORD), Tombstone)
    assert blobs.left() == []


def test_texts_of_an_imported_entry_go_with_it(tables: Tables, blobs: CrashingBlobs) -> None:
    blobs.crashes = 0
    stores = tables.stores(blobs)
    stores.history_import.import_message(KEY, RECORD.message.in_history())
    (entry,) = retained(stores).values()
    assert stores.retention.erase(entry)
    assert (blobs.left(), tables.items("messages")) == ([], [])


@pytest.fixture
def foreign(tables: Tables) -> Tables:
    """A record that another system wrote, its sender in that system's form."""
    tables.put_foreign(
        primary_channel="whatsapp", sender_id="whatsapp:+14155550123", conversation_status="closed"
    )
    return tables


def test_closed_records_of_other_systems_are_found_and_deleted_whole(foreign: Tables) -> None:
    stores = foreign.stores()
    channel = a_conversation().primary_channel.WHATSAPP
    (found,) = stores.retention.find_all_conversations(channel, ["+14155550123"])
    assert stores.retention.erase_conversation(found.key)
    assert foreign.items("conversations") == []


@pytest.mark.parametrize(
    "written",
    ["Zora.Quill@Example.COM", " zora.quill@example.com", "Zora <Zora.Quill@example.com>"],
)
def test_records_whose_sender_is_in_no_normal_form_are_found(tables: Tables, written: str) -> None:
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


def test_participants_that_were_written_after_their_record_was_erased_go(tables: Tables) -> None:
    stores = tables.stores()
    stores.conversations.open_conversation(a_conversation())
    late = tables.items("participants")
    stores.retention.erase_conversation(KEY)
    for item in late:
        tables.put("participants", item)
    assert stores.retention.find_all_conversations(ChannelType.SMS, [SENDER[ChannelType.SMS]]) == ()
    assert tables.items("participants") == []


def test_a_last_message_of_an_unknown_form_is_left_alone(tables: Tables) -> None:
    tables.put_foreign(last_message="Hello")
    stores = tables.stores()
    assert sum(stores.retention.erase_last_messages(a_record().recorded_at)) == 0
    (item,) = tables.items("conversations")
    assert item["last_message"] == attributes({"text": "Hello"})["text"]


def test_a_message_whose_facts_are_gone_can_still_be_erased(tables: Tables) -> None:
    references = tuple(f"<{number}@{'x' * 1000}.example>" for number in range(200))
    record = a_record(an_inbound_message(thread_references=references))
    tables.stores(MemoryBlobStore()).messages.record(record)
    stores = tables.stores(MemoryBlobStore())
    (found,) = retained(stores).values()
    assert (found.message, found.is_imported) == (None, False)
    assert stores.retention.erase(found)
    assert isinstance(stores.messages.record(record), Tombstone)
