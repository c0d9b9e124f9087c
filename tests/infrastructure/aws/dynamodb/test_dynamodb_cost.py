"""The cost of one webhook in DynamoDB. These numbers must not grow."""

from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.messages import InboundMessage, MessageRecord
from domain.queues import QueueKind, QueueName
from domain.trail import MatchRule, Trail
from infrastructure.aws.dynamodb.dynamodb_message_items import DynamoDbMessageItems
from infrastructure.aws.dynamodb.dynamodb_schema import TableSchema
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.builders import NOW, SENDER, a_conversation, a_record, an_inbound_message
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_costs import counted_writes, item_bytes, write_units
from tests.infrastructure.aws.dynamodb.dynamodb_faults import recorded_calls
from tests.infrastructure.aws.dynamodb.dynamodb_tables import ROLES, Tables

KILOBYTE = 1024
CONVERSATION_ID = "4e2f8f7c-7f0a-5c1e-9d55-0f6b1f1d2c3a"
FIELDS_OF_AN_SMS = {
    "SmsSid": f"SM{1:032}",
    "SmsMessageSid": f"SM{1:032}",
    "NumMedia": "0",
    "SmsStatus": "received",
    "ApiVersion": "2010-04-01",
    **dict.fromkeys(("ToCity", "ToState", "ToZip"), ""),
    "FromCity": "SAN FRANCISCO",
    "FromState": "CA",
    "FromZip": "94103",
    **dict.fromkeys(("FromCountry", "ToCountry"), "US"),
}
"""What Twilio says of an SMS, beside the message."""

FOUND = Trail(MatchRule.RECIPIENT)
ROUTED = replace(FOUND, queue=QueueName(ChannelType.SMS, QueueKind.REPLIES), delay_seconds=29.999)
TEXT = "Is my order 4711 on its way? I will be at home until five. 🚚 " * 2


@pytest.fixture
def tables(ministack: EmulatedAws) -> Tables:
    """Tables on ministack, because moto counts no capacity of indexes."""
    return Tables.create(ministack)


def the_conversation(channel: ChannelType = ChannelType.SMS) -> Conversation:
    return a_conversation(channel, conversation_id=CONVERSATION_ID)


def numbered(number: int, channel: ChannelType = ChannelType.SMS) -> MessageRecord:
    moment = NOW + timedelta(seconds=number)
    message = an_inbound_message(
        channel, message_id=f"SM{number:032}", body=TEXT, received_at=moment
    )
    return a_record(message, the_conversation(channel).key, recorded_at=moment, trail=FOUND)


def handle(tables: Tables, record: MessageRecord) -> None:
    """Make the calls that the use cases make for a webhook of a known sender."""
    message = record.message
    stores = tables.stores()
    conversations, messages = stores.conversations, stores.messages
    (found,) = conversations.find_open_conversations(message.channel, message.look_up_values)
    assert messages.record(record) is None
    assert conversations.record_activity(found, message) is not None
    stores.outbox.mark_queued(record.request_id, message.received_at, trail=ROUTED)


def fill(tables: Tables, count: int) -> None:
    """Write ``count`` earlier messages of the conversation in batches."""
    records = (numbered(number) for number in range(count))
    mapping = DynamoDbMessageItems(MemoryBlobStore())
    while chunk := list(islice(records, 25)):
        items = [mapping.of_record(record) for record in chunk]
        tables.client.batch_write_item(
            RequestItems={
                tables.names["messages"]: [{"PutRequest": {"Item": item}} for item in items]
            }
        )


def test_webhook_takes_four_round_trips(tables: Tables) -> None:
    tables.stores().conversations.open_conversation(the_conversation())
    with recorded_calls(tables.client) as calls:
        handle(tables, numbered(1))
    assert calls == ["Query", "PutItem", "UpdateItem", "UpdateItem"]


def test_each_further_identity_takes_one_more_round_trip(tables: Tables) -> None:
    channel = ChannelType.WHATSAPP
    tables.stores().conversations.open_conversation(the_conversation(channel))
    user_id = Address.parse(channel, "DE.13491208655302741918")
    identities = (user_id, Address.parse(channel, SENDER[channel]))
    for number in range(2):
        message = an_inbound_message(
            channel,
            message_id=f"SM{number}",
            identities=identities,
            received_at=NOW + timedelta(seconds=number),
        )
        with recorded_calls(tables.client) as calls:
            handle(tables, a_record(message, the_conversation(channel).key))
    assert calls == ["Query", "Query", "PutItem", "UpdateItem", "UpdateItem"]


def test_duplicate_takes_two_round_trips(tables: Tables) -> None:
    tables.stores().conversations.open_conversation(the_conversation())
    handle(tables, numbered(1))
    message: InboundMessage = numbered(1).message
    with recorded_calls(tables.client) as calls:
        tables.stores().conversations.find_open_conversations(
            message.channel, message.look_up_values
        )
        assert tables.stores().messages.record(a_record(message)) is not None
    assert calls == ["Query", "PutItem"]


class TestWriteUnits:
    """Derived from the items by the published formula, and counted by the emulator."""

    @pytest.fixture
    def opened(self, tables: Tables) -> Tables:
        tables.stores().conversations.open_conversation(the_conversation())
        return tables

    def written(self, tables: Tables, number: int) -> list[int]:
        """The units of each write of a webhook by the formula."""
        record = numbered(number)
        stores = tables.stores()
        conversations, messages = stores.conversations, stores.messages
        _, conversation = self.item(tables, "conversations")
        messages.record(record)
        schema, recorded = self.item(tables, "messages", record)
        conversations.record_activity(the_conversation(), record.message)
        conversation_schema, updated = self.item(tables, "conversations")
        stores.outbox.mark_queued(record.request_id, NOW, trail=ROUTED)
        _, queued = self.item(tables, "messages", record)
        assert max(map(item_bytes, (recorded, queued, updated))) <= KILOBYTE
        return [
            write_units(schema, None, recorded),
            write_units(conversation_schema, conversation, updated),
            write_units(schema, recorded, queued),
        ]

    def item(
        self, tables: Tables, role: str, record: MessageRecord | None = None
    ) -> tuple[TableSchema, Item]:
        key = {"conversation_id": CONVERSATION_ID, "primary_channel": "sms"}
        response = tables.client.get_item(
            TableName=tables.names[role],
            Key=attributes({"request_id": record.request_id} if record else key),
            ConsistentRead=True,
        )
        return tables.schemas[ROLES.index(role)], response["Item"]

    def test_webhook_takes_six_write_units(self, opened: Tables) -> None:
        assert self.written(opened, 1) == [3, 1, 2]

    def test_emulator_counts_the_same_write_units(self, opened: Tables) -> None:
        with counted_writes(opened.client) as counted:
            handle(opened, numbered(1))
        assert counted == [3, 1, 2]

    def test_sms_as_twilio_posts_it_takes_six_write_units(self, opened: Tables) -> None:
        message = replace(
            an_inbound_message(message_id=f"SM{1:032}", body="Is my order on its way?"),
            metadata={"num_segments": 1, "provider": FIELDS_OF_AN_SMS},
        )
        with counted_writes(opened.client) as counted:
            handle(opened, a_record(message, the_conversation().key, trail=FOUND))
        assert counted == [3, 1, 2]

    def test_mail_takes_one_write_unit_more_for_its_index(self, tables: Tables) -> None:
        channel = ChannelType.EMAIL
        tables.stores().conversations.open_conversation(the_conversation(channel))
        with counted_writes(tables.client) as counted:
            handle(tables, numbered(1, channel))
        assert counted == [4, 1, 2]

    def test_message_5000_costs_as_many_write_units_as_message_10(self, opened: Tables) -> None:
        for count in (10, 5000):
            fill(opened, count)
            with counted_writes(opened.client) as counted, recorded_calls(opened.client) as calls:
                handle(opened, numbered(count))
            assert (sum(counted), len(calls)) == (6, 4)
