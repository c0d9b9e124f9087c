"""Histories are imported from records while another system and customers write to them."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from application.conversations.migrate_history import MigrateHistory
from application.conversations.show_conversation import ShowConversation
from infrastructure.aws.dynamodb.dynamodb_conversation_items import conversation_to_item
from infrastructure.aws.dynamodb.dynamodb_values import AttributeValue, attributes
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.concurrency import at_once
from tests.contracts.legacy_histories import an_entry, each_with_legacy_messages
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables, entry_of


@pytest.fixture
def tables(ministack: EmulatedAws) -> Tables:
    """Tables on ministack, because moto loses concurrent updates."""
    return Tables.create(ministack)


def put_legacy_record(tables: Tables, entries: int, **changes: AttributeValue) -> None:
    held: AttributeValue = {"L": [entry_of(an_entry(number)) for number in range(entries)]}
    item = conversation_to_item(a_conversation())
    tables.put("conversations", {**item, "messages": held, **changes})


def append(tables: Tables, number: int) -> None:
    """Append an entry to the list of a record, as an older system does."""
    tables.client.update_item(
        TableName=tables.names["conversations"],
        Key=attributes({"conversation_id": "conversation-1", "primary_channel": "sms"}),
        UpdateExpression="SET messages = list_append(messages, :entries)",
        ExpressionAttributeValues={":entries": {"L": [entry_of(an_entry(number))]}},
    )


def receive(tables: Tables, number: int, body: str = "Hello?") -> None:
    at = NOW + timedelta(seconds=number)
    message = an_inbound_message(message_id=f"SM{number:032}", received_at=at, body=body)
    tables.stores().messages.record(a_record(message))
    assert tables.stores().conversations.record_activity(a_conversation(), message) is not None


def migrate(tables: Tables) -> None:
    list(MigrateHistory(tables.stores().conversations, tables.stores().history_import)())


def shown(tables: Tables) -> list[str]:
    show = ShowConversation(tables.stores().conversations, tables.stores().messages)
    ((_, history),) = show(KEY.conversation_id, limit=1000)
    return [message.message_id for message in history]


def test_concurrent_migrations_and_writes_neither_lose_nor_repeat_an_entry(tables: Tables) -> None:
    put_legacy_record(tables, 20)
    writers: list[Callable[[], None]] = [partial(migrate, tables) for _ in range(3)]
    writers += [partial(append, tables, number) for number in range(20, 28)]
    writers += [partial(receive, tables, number) for number in range(8)]
    at_once(writers)
    migrate(tables)

    assert list(each_with_legacy_messages(tables.stores())) == []
    imported = [f"M{number}" for number in range(28)]
    assert shown(tables) == [*imported, *(f"SM{number:032}" for number in range(8))]
    assert len(tables.items("messages")) == 28 + 8


def test_older_system_can_append_to_the_emptied_list(tables: Tables) -> None:
    put_legacy_record(tables, 2)
    migrate(tables)
    append(tables, 2)
    assert shown(tables) == ["M0", "M1", "M2"]
    migrate(tables)
    assert shown(tables) == ["M0", "M1", "M2"]


def test_record_filled_by_its_legacy_list_takes_messages_and_is_migrated(tables: Tables) -> None:
    put_legacy_record(tables, 2, history={"S": "x" * (400 * 1024 - 1100)})
    receive(tables, 0, body="y" * 2048)
    (record,) = tables.stores().conversations.get_conversations("conversation-1")
    assert record.last_message is None
    migrate(tables)
    assert shown(tables) == ["M0", "M1", f"SM{0:032}"]


def test_item_of_an_imported_entry_has_the_attributes_of_a_history(tables: Tables) -> None:
    put_legacy_record(tables, 1)
    migrate(tables)
    (item,) = tables.items("messages")
    assert set(item) == {
        *("request_id", "conversation", "timestamp"),
        *("message_id", "direction", "content", "channel_type", "metadata"),
    }


def test_pages_go_on_after_records_on_channels_of_another_system(tables: Tables) -> None:
    for number in range(3):
        changes: dict[str, AttributeValue] = {"conversation_id": {"S": f"conversation-{number}"}}
        put_legacy_record(tables, 1, **changes)
        put_legacy_record(tables, 1, **changes, primary_channel={"S": "live chat"})
    found, cursor = [], None
    for _ in range(7):
        page = tables.stores().history_import.list_with_legacy_messages(1, after=cursor)
        found += [record.conversation_id for record in page.items]
        cursor = page.cursor
    assert cursor is None
    assert sorted(found) == [f"conversation-{number}" for number in range(3)]
