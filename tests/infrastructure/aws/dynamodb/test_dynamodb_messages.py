"""Messages as DynamoDB items: their attributes, their size, and indexes that lag behind."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Message
from domain.errors import StorageRefusedError, StorageUnavailableError
from domain.messages import ConversationKey, InboundMessage, MessageRecord, MessageState, Recipient
from infrastructure.aws.dynamodb.dynamodb_message_items import INLINE_BYTES, PREVIEW_BYTES
from infrastructure.aws.dynamodb.dynamodb_message_keys import WORK_SHARDS
from infrastructure.aws.dynamodb.dynamodb_values import Item
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.builders import KEY, NOW, a_record, an_inbound_message
from tests.contracts.context_queue import HANDOFF
from tests.contracts.message_lists import numbered, numbers
from tests.contracts.message_store import stored
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_costs import item_bytes
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

LATER = NOW + timedelta(hours=1)
KILOBYTE = 1024


def only_item(tables: Tables) -> Item:
    (item,) = tables.items("messages")
    return item


def query(tables: Tables, index: str, condition: str, **values: str) -> list[Item]:
    """The items that another system finds in an index."""
    names = [word for word in condition.split() if word.startswith("#")]
    response = tables.client.query(
        TableName=tables.names["messages"],
        IndexName=index,
        KeyConditionExpression=condition,
        ExpressionAttributeNames={name: name[1:] for name in names},
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
    )
    return list(response["Items"])


class TestItems:
    """Items have plain attributes that other systems can read."""

    def test_message_item_has_plain_attributes_for_other_systems(self, tables: Tables) -> None:
        message = an_inbound_message(metadata={"profile_name": "Ana", "segments": 2})
        tables.stores().messages.record(a_record(message))
        item = {name: value["S"] for name, value in only_item(tables).items()}
        assert json.loads(item.pop("metadata")) == {
            "profile_name": "Ana",
            "segments": 2,
            "sender": "+14155550123",
            "recipient": "+15005550006",
        }
        assert item.pop("inbound").startswith("{")
        assert len(item.pop("write_id")) == 32
        assert item.pop("work") in {f"pending#{shard}" for shard in range(WORK_SHARDS)}
        assert item == {
            "request_id": message.request_id,
            "conversation": "conversation-1#sms",
            "state": "pending",
            "message_id": "SM00000000000000000000000000000001",
            "direction": "INBOUND",
            "content": "Is my order on its way?",
            "timestamp": "2026-03-04T12:00:00.250000Z",
            "channel_type": "sms",
            "recorded_at": "2026-03-04T12:00:00.250000Z",
            "work_since": f"2026-03-04T12:00:30.250000Z#{message.request_id[:16]}",
        }

    def test_other_systems_can_query_the_history_of_a_conversation(self, tables: Tables) -> None:
        for number in (2, 0, 1):
            tables.stores().messages.record(numbered(number))
        found = query(
            tables,
            "history",
            "#conversation = :conversation AND #timestamp > :after",
            conversation="conversation-1#sms",
            after="2026-03-04T12:00:00.250000Z",
        )
        assert [item["content"]["S"] for item in found] == ["Message 1", "Message 2"]
        assert "state" not in found[0]

    def test_queued_message_is_removed_from_the_work_index(self, tables: Tables) -> None:
        tables.stores().messages.record(a_record())
        partition = only_item(tables)["work"]["S"]
        tables.stores().outbox.mark_queued(a_record().request_id, LATER)
        assert query(tables, "work", "#work = :work", work=partition) == []

    def test_message_recorded_as_queued_is_not_in_the_work_index(self, tables: Tables) -> None:
        tables.stores().messages.record(a_record(state=MessageState.QUEUED, queued_at=NOW))
        assert "work" not in only_item(tables)
        assert len(tables.stores().messages.history(KEY)) == 1

    def test_only_a_moved_message_has_attributes_of_its_publication(self, tables: Tables) -> None:
        outbox = tables.stores().outbox
        tables.stores().messages.record(a_record())
        outbox.mark_queued(a_record().request_id, LATER)
        assert not {"publication", "queue"} & {*only_item(tables)}
        outbox.move(a_record(), HANDOFF, LATER)
        item = only_item(tables)
        assert (item["publication"], item["queue"]) == ({"N": "2"}, {"S": "sms-handoff"})

    def test_pending_messages_are_spread_over_all_work_partitions(self, tables: Tables) -> None:
        for number in range(60):
            tables.stores().messages.record(numbered(number))
        assert len({item["work"]["S"] for item in tables.items("messages")}) == WORK_SHARDS

    @pytest.mark.parametrize(
        "metadata",
        [
            {},
            {"sender": "overwritten", "recipient": ["in", "the", "history"]},
            {"float": 1e300, "tiny": 5e-324, "one": 1.0, "long": 10**60, "none": None},
            {"": "an empty name", "text": "", "list": [], "map": {}},
            {"state": 1, "timestamp": 2, "#": 3, ":": 4, "ä🚚": "\u0000\u2028"},
        ],
    )
    def test_any_metadata_is_read_back_unchanged(
        self, tables: Tables, metadata: dict[str, object]
    ) -> None:
        record = a_record(an_inbound_message(metadata=metadata))
        tables.stores().messages.record(record)
        found = stored(tables.stores(), record)
        assert found == record
        assert json.dumps(found.message.metadata) == json.dumps(metadata)

    def test_metadata_nested_deeper_than_an_item_allows_is_read_back(self, tables: Tables) -> None:
        metadata: dict[str, Any] = {"name": "innermost"}
        for _ in range(60):
            metadata = {"inside": metadata}
        record = a_record(an_inbound_message(metadata=metadata))
        tables.stores().messages.record(record)
        assert stored(tables.stores(), record) == record

    def test_message_with_empty_fields_is_read_back(self, tables: Tables) -> None:
        nothing = Recipient("", "", ())
        message = an_inbound_message(account="", sender_verbatim="", identities=(), body="")
        record = a_record(replace(message, recipient=nothing, subject="", opt_out_type=""))
        tables.stores().messages.record(record)
        assert stored(tables.stores(), record) == record
        assert tables.stores().messages.history(KEY) == (Message.of(record.message),)

    @pytest.mark.parametrize(
        "message",
        [
            an_inbound_message(body="\ud800"),
            an_inbound_message(subject="\ud800"),
            an_inbound_message(metadata={"\ud800": 1}),
        ],
        ids=["body", "subject", "metadata"],
    )
    def test_text_that_is_not_unicode_is_refused(
        self, tables: Tables, message: InboundMessage
    ) -> None:
        with pytest.raises(StorageRefusedError):
            tables.stores().messages.record(a_record(message))
        assert tables.items("messages") == []

    def test_conversation_id_that_contains_the_separator_is_read_back(self, tables: Tables) -> None:
        key = ConversationKey("a#b#sms", ChannelType.EMAIL)
        tables.stores().messages.record(a_record(conversation=key))
        assert stored(tables.stores(), a_record()).conversation == key


class TestLargeMessages:
    """Every item stays below 400 KB: large parts of a message are in the blob store."""

    @pytest.fixture
    def blobs(self) -> MemoryBlobStore:
        return MemoryBlobStore()

    def large(self, **changes: Any) -> MessageRecord:
        return a_record(an_inbound_message(ChannelType.EMAIL, message_id="1", **changes))

    @pytest.mark.parametrize(
        ("changes", "references"),
        [
            ({"body": "ä🚚" * INLINE_BYTES}, {"content_reference"}),
            ({"metadata": {"headers": "x" * 500 * KILOBYTE}}, {"metadata"}),
            (
                {"thread_references": tuple(f"<{n}@example.com>" for n in range(20_000))},
                {"inbound"},
            ),
            (
                {
                    "body": "x" * INLINE_BYTES,
                    "metadata": {"headers": "x" * 500 * KILOBYTE},
                    "subject": "s" * 500 * KILOBYTE,
                },
                {"content", "metadata", "inbound"},
            ),
        ],
    )
    def test_large_parts_of_a_message_are_stored_in_the_blob_store_and_read_back(
        self,
        tables: Tables,
        blobs: MemoryBlobStore,
        changes: Mapping[str, Any],
        references: set[str],
    ) -> None:
        record = self.large(**changes)
        stores = tables.stores(blobs)
        assert stores.messages.record(record) is None
        item = only_item(tables)
        assert {f"{name.removesuffix('_reference')}_reference" for name in references} <= set(item)
        assert item_bytes(item) < INLINE_BYTES + 10 * KILOBYTE
        assert stored(stores, record) == record
        assert stores.messages.history(KEY) == (Message.of(record.message),)
        assert stores.outbox.list_stuck(1, record.due_at) == (record,)

    def test_item_of_a_large_message_has_the_beginning_of_its_content(
        self, tables: Tables, blobs: MemoryBlobStore
    ) -> None:
        tables.stores(blobs).messages.record(self.large(body="ä" * INLINE_BYTES))
        assert only_item(tables)["content"]["S"] == "ä" * (PREVIEW_BYTES // 2)

    def test_content_that_fits_is_stored_in_the_item(
        self, tables: Tables, blobs: MemoryBlobStore
    ) -> None:
        tables.stores(blobs).messages.record(self.large(body="x" * (INLINE_BYTES - 2 * KILOBYTE)))
        assert not [name for name in only_item(tables) if name.endswith("_reference")]

    def test_forged_duplicate_does_not_replace_the_stored_content(
        self, tables: Tables, blobs: MemoryBlobStore
    ) -> None:
        genuine, forged = (self.large(body=text * INLINE_BYTES * 2) for text in "gf")
        stores = tables.stores(blobs)
        stores.messages.record(genuine)
        assert stores.messages.record(forged) == genuine
        assert stored(stores, genuine) == genuine

    def test_content_of_a_failed_record_is_not_used_for_the_next_one(
        self, tables: Tables, blobs: MemoryBlobStore
    ) -> None:
        lost, recorded = (self.large(body=text * INLINE_BYTES * 2) for text in "lr")
        broken = replace(tables, names={**tables.names, "messages": "no-such-table"})
        with pytest.raises(StorageUnavailableError):
            broken.stores(blobs).messages.record(lost)
        stores = tables.stores(blobs)
        stores.messages.record(recorded)
        assert stored(stores, recorded) == recorded

    def test_history_shows_the_beginning_of_content_whose_blob_is_missing(
        self, tables: Tables
    ) -> None:
        record = self.large(body="x" * INLINE_BYTES * 2)
        tables.stores(MemoryBlobStore()).messages.record(record)
        (entry,) = tables.stores(MemoryBlobStore()).messages.history(KEY)
        assert entry.content == "x" * PREVIEW_BYTES


class TestLists:
    """Lists over several partitions, pages, and indexes that lag behind."""

    def test_list_longer_than_one_read_is_complete(self, ministack: EmulatedAws) -> None:
        stores = Tables.create(ministack).stores()
        for number in range(230):
            stores.messages.record(numbered(number, None))
        listed = stores.messages.list_unmatched(220).items
        assert numbers(listed) == list(range(220))

    def test_history_longer_than_one_page_is_complete(self, ministack: EmulatedAws) -> None:
        stores = Tables.create(ministack).stores()
        body = "x" * 90 * KILOBYTE
        for number in range(25):
            record = numbered(number)
            stores.messages.record(replace(record, message=replace(record.message, body=body)))
        assert len(stores.messages.history(KEY, limit=24)) == 24

    @pytest.mark.parametrize("limit", [0, 1])
    def test_lists_are_not_longer_than_their_limit(self, tables: Tables, limit: int) -> None:
        stores = tables.stores()
        for number in range(3):
            stores.messages.record(numbered(number))
            stores.messages.record(numbered(number + 3, None))
        assert len(stores.messages.history(KEY, limit=limit)) == limit
        assert len(stores.messages.list_unmatched(limit).items) == limit
        assert len(stores.outbox.list_stuck(limit, LATER + timedelta(hours=1))) == limit

    def test_message_that_only_a_lagging_index_lists_is_not_listed(self, tables: Tables) -> None:
        stores = tables.stores()
        for number in range(4):
            stores.messages.record(numbered(number, None))
        past = PastIndex(tables)
        for number in range(3):
            stores.messages.assign(numbered(number, None), KEY)
        listed = tables.stores(client=past).messages.list_unmatched(2).items
        assert numbers(listed) == [3]


class PastIndex:
    """A client whose work index shows an earlier state."""

    def __init__(self, tables: Tables) -> None:
        self._client = tables.client
        self._items = sorted(tables.items("messages"), key=lambda item: item["work_since"]["S"])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **arguments: Any) -> Any:
        values = arguments["ExpressionAttributeValues"]
        return {"Items": [item for item in self._items if item["work"] == values[":work"]]}


def test_every_identity_of_a_message_is_read_back(tables: Tables) -> None:
    channel = ChannelType.WHATSAPP
    identities = tuple(Address.parse(channel, text) for text in ("DE.1349120", "+14155550123"))
    record = a_record(an_inbound_message(channel, identities=identities))
    tables.stores().messages.record(record)
    inbound = json.loads(only_item(tables)["inbound"]["S"])
    assert [identity["value"] for identity in inbound["identities"]] == [
        "DE.1349120",
        "+14155550123",
    ]
    assert stored(tables.stores(), record).message.identities == identities
