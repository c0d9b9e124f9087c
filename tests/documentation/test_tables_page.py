"""The page about the tables says what DynamoDB holds, and its query reads a history."""

import re
from typing import Any

from domain.channels import ChannelType
from domain.erasure import RetainedMessage
from domain.queues import QueueKind, QueueName
from infrastructure.aws.dynamodb.dynamodb_schema import table_schemas
from tests.builders import a_conversation, a_record, an_inbound_message
from tests.documentation.documents import blocks, cells, text_of
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_tables import ROLES, Tables

PAGE = "docs/tables.md"


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def attributes_of(heading: str) -> set[str]:
    return {name for row in cells(PAGE, heading) for name in names_in(row[0])}


def test_table_of_keys_is_the_schema() -> None:
    listed = [
        (table.replace(" ", "_"), *names_in(partition), *names_in(sort), *names_in(indexes))
        for table, partition, sort, indexes in cells(PAGE, "# The DynamoDB tables")
    ]
    schemas = table_schemas(**{role: role for role in ROLES})
    expected = [
        (
            schema.name,
            *(key for key in (schema.partition_key, schema.sort_key) if key),
            *(
                n
                for index in schema.indexes
                for n in (index.name, index.partition_key, index.sort_key)
            ),
            *([schema.expires_by] if schema.expires_by else []),
        )
        for schema in schemas
    ]
    assert listed == expected


def test_table_of_message_attributes_has_each_attribute(moto_aws: EmulatedAws) -> None:
    tables = Tables.create(moto_aws)
    stores = tables.stores()
    record = a_record(an_inbound_message(ChannelType.EMAIL))
    stores.messages.record(record)
    stores.outbox.take_lease(record, record.due_at)
    stores.outbox.move(record, QueueName(ChannelType.SMS, QueueKind.HANDOFF), record.due_at)
    (item,) = tables.items("messages")
    assert set(item) <= attributes_of("## Messages")


def test_table_of_conversation_attributes_has_each_attribute(moto_aws: EmulatedAws) -> None:
    tables = Tables.create(moto_aws)
    conversations = tables.stores().conversations
    conversation, _ = conversations.open_conversation(a_conversation(thread_id="<1@example.com>"))
    conversations.record_activity(conversation, an_inbound_message())
    (item,) = tables.items("conversations")
    assert "last_message" in item
    assert set(item) <= attributes_of("## Conversations")


def test_tombstone_has_the_attributes_of_the_page(moto_aws: EmulatedAws) -> None:
    tables = Tables.create(moto_aws)
    record = a_record(an_inbound_message(ChannelType.EMAIL))
    tables.stores().messages.record(record)
    tables.stores().retention.erase(RetainedMessage.of(record))
    (item,) = tables.items("messages")
    section = text_of(PAGE).partition("\n### Erased messages\n")[2].partition("\n## ")[0]
    assert set(item) - {"state"} <= set(names_in(section))


def test_query_of_the_page_reads_the_history(moto_aws: EmulatedAws) -> None:
    tables = Tables.create(moto_aws)
    record = a_record(an_inbound_message(ChannelType.EMAIL))
    assert record.conversation is not None
    tables.stores().messages.record(record)
    (query,) = blocks(PAGE, "python")
    query = query.replace('"messages"', f'"{tables.names["messages"]}"')
    query = query.replace("conversation-1#sms", f"{record.conversation.conversation_id}#sms")
    query = query.replace("2026-03-04T12:00:00.250000Z", "2026-03-04T11:00:00.000000Z")
    namespace: dict[str, Any] = {"dynamodb": tables.client}
    exec(query, namespace)
    (entry,) = namespace["response"]["Items"]
    assert entry["message_id"] == {"S": record.message.provider_message_id}
