"""How DynamoDB finds the conversation of a sender, by participants and by an index."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import CLOSED, Conversation
from infrastructure.aws.dynamodb.dynamodb_conversation_items import conversation_to_item
from infrastructure.aws.dynamodb.dynamodb_conversations import INDEX_PAUSE_SECONDS
from tests.builders import KEY, NOW, RECIPIENT, SENDER, a_conversation, an_inbound_message
from tests.contracts.conversation_changes import ids
from tests.infrastructure.aws.dynamodb.dynamodb_faults import StaleIndex, recorded_calls
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

SMS, WHATSAPP = ChannelType.SMS, ChannelType.WHATSAPP
NUMBER = SENDER[SMS]
FOR_EVER = 1_000_000


def without_index(tables: Tables) -> Tables:
    """The same tables with a client whose indexes are always empty."""
    client: Any = StaleIndex(tables.client, FOR_EVER)
    return replace(tables, client=client)


def found(tables: Tables, *senders: str) -> tuple[Conversation, ...]:
    return tables.stores().conversations.find_open_conversations(SMS, senders or (NUMBER,))


def participants(tables: Tables) -> list[tuple[str, str]]:
    items = tables.items("participants")
    return sorted((item["sender"]["S"], item["conversation_id"]["S"]) for item in items)


class TestRecordsOfOtherSystems:
    """They are found through the index of senders until a message adds a participant."""

    def test_record_of_another_system_is_found_by_its_sender(self, tables: Tables) -> None:
        tables.put_foreign()
        (record,) = found(tables)
        expected = Conversation("conversation-1", SMS, NUMBER, RECIPIENT[SMS])
        assert record == expected

    def test_record_of_another_system_is_found_by_a_sender_with_a_scheme(
        self, tables: Tables
    ) -> None:
        tables.put_foreign(primary_channel="whatsapp", sender_id=f"whatsapp:{NUMBER}")
        stores = tables.stores()
        assert ids(stores.conversations.find_open_conversations(WHATSAPP, [NUMBER])) == [
            "conversation-1"
        ]

    def test_record_of_another_system_is_found_beside_an_own_one_with_another_recipient(
        self, tables: Tables
    ) -> None:
        stores = tables.stores()
        stores.conversations.open_conversation(
            a_conversation(conversation_id="ours", recipient_id="+15005550007")
        )
        tables.put_foreign()
        record = stores.conversations.find_open_conversations(SMS, [NUMBER], [RECIPIENT[SMS]])
        assert ids(record) == ["conversation-1"]

    def test_closed_record_of_another_system_is_not_found(self, tables: Tables) -> None:
        tables.put_foreign(conversation_status=CLOSED)
        assert found(tables) == ()

    def test_lagging_index_is_queried_again_after_a_pause(self, tables: Tables) -> None:
        tables.put_foreign()
        pauses: list[float] = []
        client = StaleIndex(tables.client, empty_responses=1)
        stores = tables.stores(client=client, sleep=pauses.append)
        assert ids(stores.conversations.find_open_conversations(SMS, [NUMBER])) == [
            "conversation-1"
        ]
        assert pauses == [INDEX_PAUSE_SECONDS]

    def test_search_for_an_unknown_sender_pauses_once(self, tables: Tables) -> None:
        pauses: list[float] = []
        stores = tables.stores(sleep=pauses.append)
        assert stores.conversations.find_open_conversations(SMS, [NUMBER]) == ()
        assert pauses == [INDEX_PAUSE_SECONDS]

    def test_record_that_is_only_in_the_index_is_not_found(self, tables: Tables) -> None:
        tables.put_foreign()

        class IndexOfThePast(StaleIndex):
            def query(self, **arguments: object) -> object:
                if "IndexName" in arguments:
                    key = {"conversation_id": {"S": "gone"}, "primary_channel": {"S": "sms"}}
                    return {"Items": [key]}
                return super().query(**arguments)

        stores = tables.stores(client=IndexOfThePast(tables.client, 0))
        assert stores.conversations.find_open_conversations(SMS, [NUMBER]) == ()

    def test_first_message_adds_a_participant_for_a_record_of_another_system(
        self, tables: Tables
    ) -> None:
        tables.put_foreign()
        (record,) = found(tables)
        tables.stores().conversations.record_activity(record, an_inbound_message())
        assert participants(tables) == [(f"sms#{NUMBER}", "conversation-1")]
        assert ids(found(without_index(tables))) == ["conversation-1"]

    def test_search_alone_adds_no_participant_for_a_record_of_another_system(
        self, tables: Tables
    ) -> None:
        tables.put_foreign()
        found(tables)
        assert participants(tables) == []


class TestOpening:
    """A conversation can be opened again after an interruption."""

    def test_opened_conversation_is_found_without_the_index(self, tables: Tables) -> None:
        tables.stores().conversations.open_conversation(a_conversation())
        assert found(without_index(tables)) == (a_conversation(),)

    def test_conversation_is_found_after_its_opening_was_interrupted(self, tables: Tables) -> None:
        tables.put("conversations", conversation_to_item(a_conversation()))
        assert found(tables) == (a_conversation(),)

    def test_opening_again_completes_an_interrupted_opening(self, tables: Tables) -> None:
        tables.put("conversations", conversation_to_item(a_conversation()))
        tables.stores().conversations.open_conversation(a_conversation())
        assert found(without_index(tables)) == (a_conversation(),)

    def test_empty_sender_is_stored_as_missing(self, tables: Tables) -> None:
        tables.stores().conversations.open_conversation(a_conversation(sender_id=""))
        (record,) = tables.stores().conversations.get_conversations("conversation-1")
        assert record.sender_id is None


class TestParticipants:
    """The participants of a conversation follow its changes."""

    @pytest.fixture(autouse=True)
    def _opened(self, tables: Tables) -> None:
        tables.stores().conversations.open_conversation(a_conversation())

    def test_only_conversation_of_a_sender_is_found_by_one_query(self, tables: Tables) -> None:
        with recorded_calls(tables.client) as calls:
            assert found(tables) == (a_conversation(),)
        assert calls == ["Query"]

    def test_several_conversations_of_a_sender_are_found_in_their_present_state(
        self, tables: Tables
    ) -> None:
        second = a_conversation(conversation_id="conversation-2")
        tables.stores().conversations.open_conversation(second)
        tables.set_attribute("hand_off_to_human", True)
        assert found(tables) == (replace(a_conversation(), hand_off_to_human=True), second)

    def test_message_to_one_of_several_conversations_writes_no_participant_again(
        self, tables: Tables
    ) -> None:
        tables.stores().conversations.open_conversation(
            a_conversation(conversation_id="conversation-2")
        )
        stores = tables.stores()
        with recorded_calls(tables.client) as calls:
            one, _ = stores.conversations.find_open_conversations(SMS, [NUMBER])
            assert stores.conversations.record_activity(one, an_inbound_message()) is not None
        assert calls == ["Query", "BatchGetItem", "UpdateItem"]

    def test_closed_one_of_several_conversations_is_not_found_and_its_participant_is_deleted(
        self, tables: Tables
    ) -> None:
        tables.stores().conversations.open_conversation(
            a_conversation(conversation_id="conversation-2")
        )
        tables.set_attribute("conversation_status", CLOSED)
        assert ids(found(tables)) == ["conversation-2"]
        assert participants(tables) == [(f"sms#{NUMBER}", "conversation-2")]

    def test_index_is_queried_when_all_conversations_of_a_sender_are_closed(
        self, tables: Tables
    ) -> None:
        tables.stores().conversations.open_conversation(
            a_conversation(conversation_id="conversation-2")
        )
        for number in ("conversation-1", "conversation-2"):
            tables.set_attribute("conversation_status", CLOSED, number)
        tables.put_foreign(conversation_id="conversation-3")
        assert ids(found(tables)) == ["conversation-3"]

    def test_participant_of_a_conversation_closed_by_another_system_is_deleted(
        self, tables: Tables
    ) -> None:
        tables.set_attribute("conversation_status", CLOSED)
        (seen,) = found(tables)
        assert tables.stores().conversations.record_activity(seen, an_inbound_message()) is None
        assert participants(tables) == []
        assert found(tables) == ()

    def test_successor_of_a_closed_conversation_is_found(self, tables: Tables) -> None:
        tables.set_attribute("conversation_status", CLOSED)
        tables.put_foreign(conversation_id="successor")
        tables.stores().conversations.record_activity(a_conversation(), an_inbound_message())
        assert ids(found(tables)) == ["successor"]

    def test_participant_of_a_conversation_deleted_by_another_system_is_deleted(
        self, tables: Tables
    ) -> None:
        tables.client.delete_item(
            TableName=tables.names["conversations"],
            Key={"conversation_id": {"S": "conversation-1"}, "primary_channel": {"S": "sms"}},
        )
        assert (
            tables.stores().conversations.record_activity(a_conversation(), an_inbound_message())
            is None
        )
        assert participants(tables) == []
        assert tables.items("conversations") == []

    def test_changed_recipient_of_a_conversation_is_found_after_a_message(
        self, tables: Tables
    ) -> None:
        tables.set_attribute("recipient_id", "+15005550001")
        stores = tables.stores()
        (seen,) = stores.conversations.find_open_conversations(SMS, [NUMBER])
        assert stores.conversations.record_activity(seen, an_inbound_message()) is None
        (known,) = found(tables)
        assert known.recipient_id == "+15005550001"


class TestRecordedActivity:
    """The next search sees what a message changed in a conversation."""

    def test_recipient_of_the_first_message_is_in_the_found_conversation(
        self, tables: Tables
    ) -> None:
        stores = tables.stores()
        stores.conversations.open_conversation(a_conversation(recipient_id=None))
        (seen,) = stores.conversations.find_open_conversations(SMS, [NUMBER])
        stores.conversations.record_activity(seen, an_inbound_message())
        (known,) = found(tables)
        assert known.recipient_id == RECIPIENT[SMS]

    def test_message_of_a_known_sender_costs_one_update(self, tables: Tables) -> None:
        stores = tables.stores()
        stores.conversations.open_conversation(a_conversation())
        (seen,) = stores.conversations.find_open_conversations(SMS, [NUMBER])
        with recorded_calls(tables.client) as calls:
            stores.conversations.record_activity(seen, an_inbound_message())
        assert calls == ["UpdateItem"]

    def test_new_identity_of_a_sender_is_written_once(self, tables: Tables) -> None:
        stores = tables.stores()
        stores.conversations.open_conversation(a_conversation(WHATSAPP))
        user_id = Address.parse(WHATSAPP, "DE.13491208655302741918")
        number = Address.parse(WHATSAPP, NUMBER)
        writes: list[list[str]] = []
        for seconds in range(2):
            message = an_inbound_message(
                WHATSAPP,
                identities=(user_id, number),
                received_at=NOW + timedelta(seconds=seconds),
            )
            (seen,) = stores.conversations.find_open_conversations(WHATSAPP, message.look_up_values)
            with recorded_calls(tables.client) as calls:
                stores.conversations.record_activity(seen, message)
            writes.append(calls)
        assert writes == [["UpdateItem", "PutItem"], ["UpdateItem"]]

    def test_activity_without_a_search_writes_the_participant_again(self, tables: Tables) -> None:
        tables.stores().conversations.open_conversation(a_conversation())
        with recorded_calls(tables.client) as calls:
            tables.stores().conversations.record_activity(a_conversation(), an_inbound_message())
        assert calls == ["UpdateItem", "PutItem"]
        assert participants(tables) == [(f"sms#{NUMBER}", "conversation-1")]


def test_conversation_item_has_plain_attributes_for_other_systems(tables: Tables) -> None:
    stores = tables.stores()
    stores.conversations.open_conversation(a_conversation(thread_id="thread-1"))
    stores.conversations.record_activity(a_conversation(), an_inbound_message())
    assert tables.items("conversations") == [
        {
            "conversation_id": {"S": KEY.conversation_id},
            "primary_channel": {"S": "sms"},
            "sender_id": {"S": NUMBER},
            "recipient_id": {"S": RECIPIENT[SMS]},
            "conversation_status": {"S": "user_reply_received"},
            "hand_off_to_human": {"BOOL": False},
            "thread_id": {"S": "thread-1"},
            "company_id": {"S": "acme"},
            "project_id": {"S": "support"},
            "company_name": {"S": "Acme"},
            "credentials_reference": {"S": "acme-credentials"},
            "last_user_message_at": {"S": "2026-03-04T12:00:00.250000Z"},
            "last_activity_at": {"S": "2026-03-04T12:00:00.250000Z"},
            "last_message": {
                "M": {
                    "message_id": {"S": "SM00000000000000000000000000000001"},
                    "direction": {"S": "INBOUND"},
                    "content": {"S": "Is my order on its way?"},
                    "timestamp": {"S": "2026-03-04T12:00:00.250000Z"},
                    "channel_type": {"S": "sms"},
                }
            },
        }
    ]


class TestLists:
    """Searches for operators: what they read, and what an index that lags behind hides."""

    def test_page_of_all_reads_as_many_items_as_it_may_have(self, tables: Tables) -> None:
        stores = tables.stores()
        for number in range(5):
            stores.conversations.open_conversation(a_conversation(conversation_id=str(number)))
        tables.put_foreign(conversation_id="voice", primary_channel="voice")
        with recorded_calls(tables.client) as calls:
            page = stores.conversations.list_conversations(3)
        assert calls == ["Scan"]
        assert len(page.items) <= 3
        assert page.cursor is not None

    def test_record_of_another_system_is_listed_by_an_address_with_or_without_a_scheme(
        self, tables: Tables
    ) -> None:
        for name, sender in (("a", NUMBER), ("b", f"whatsapp:{NUMBER}")):
            tables.put_foreign(conversation_id=name, primary_channel="whatsapp", sender_id=sender)
        page = tables.stores().conversations.list_conversations(9, senders={WHATSAPP: [NUMBER]})
        assert ids(page.items) == ["a", "b"]

    def test_conversation_is_listed_by_its_participant_while_the_index_lags_behind(
        self, tables: Tables
    ) -> None:
        tables.stores().conversations.open_conversation(a_conversation())
        conversations = without_index(tables).stores().conversations
        page = conversations.list_conversations(9, senders={SMS: [NUMBER]})
        assert ids(page.items) == ["conversation-1"]

    def test_participant_of_a_deleted_record_leaves_its_page_short(self, tables: Tables) -> None:
        stores = tables.stores()
        for name in ("a", "b"):
            stores.conversations.open_conversation(a_conversation(conversation_id=name))
        tables.client.delete_item(
            TableName=tables.names["conversations"],
            Key={"conversation_id": {"S": "a"}, "primary_channel": {"S": "sms"}},
        )
        first = stores.conversations.list_conversations(1, senders={SMS: [NUMBER]})
        assert first.items == ()
        rest = stores.conversations.list_conversations(
            1, senders={SMS: [NUMBER]}, after=first.cursor
        )
        assert ids(rest.items) == ["b"]
