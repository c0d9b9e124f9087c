"""Records that other systems wrote in other forms are read and updated."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.channels import ChannelType
from domain.conversations import (
    ACTIVE,
    CLOSED,
    USER_REPLY_RECEIVED,
    Conversation,
    ConversationState,
    Direction,
    Message,
)
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    conversation_from_item,
    conversation_to_item,
)
from infrastructure.aws.dynamodb.dynamodb_values import AttributeValue, attributes
from tests.builders import NOW, RECIPIENT, a_conversation, an_inbound_message
from tests.contracts.conversation_changes import HANDED_OFF
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

SMS = ChannelType.SMS
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LONG_AGO = datetime.fromtimestamp(0, UTC)
EAST = timezone(timedelta(hours=5))


def read(**values: AttributeValue) -> Conversation:
    """A record with these attributes and no others but its key."""
    key = attributes({"conversation_id": "conversation-1", "primary_channel": "sms"})
    record = conversation_from_item({**key, **values})
    assert record is not None
    return record


class TestReading:
    """A value that cannot be read counts as missing."""

    def test_record_with_only_its_key_is_read(self) -> None:
        assert read() == Conversation("conversation-1", SMS, None, conversation_status=ACTIVE)

    def test_null_attributes_are_read_as_missing(self) -> None:
        names = (
            "sender_id",
            "recipient_id",
            "conversation_status",
            "hand_off_to_human",
            "last_user_message_at",
            "last_message",
            "messages",
        )
        null: AttributeValue = {"NULL": True}
        assert read(**dict.fromkeys(names, null)) == read()

    @pytest.mark.parametrize(
        ("value", "text"),
        [({"S": "acme"}, "acme"), ({"N": "42"}, "42"), ({"N": "4.5"}, "4.5"), ({"S": ""}, "")],
    )
    def test_text_attribute_is_read_from_a_text_or_number(
        self, value: AttributeValue, text: str
    ) -> None:
        assert read(company_id=value).company_id == text

    @pytest.mark.parametrize(
        "value",
        [{"BOOL": True}, {"N": "1"}, {"S": "true"}, {"S": "True"}, {"S": "1"}, {"S": "YES"}],
    )
    def test_hand_off_is_read_as_on(self, value: AttributeValue) -> None:
        assert read(hand_off_to_human=value).hand_off_to_human is True

    @pytest.mark.parametrize(
        "value",
        [{"BOOL": False}, {"N": "0"}, {"N": "0.0"}, {"S": "false"}, {"S": ""}, {"NULL": True}],
    )
    def test_hand_off_is_read_as_off(self, value: AttributeValue) -> None:
        assert read(hand_off_to_human=value).hand_off_to_human is False

    @pytest.mark.parametrize(
        "value",
        [
            {"S": "2026-03-04T12:00:00.000000Z"},
            {"S": "2026-03-04T12:00:00Z"},
            {"S": "2026-03-04t12:00:00z"},
            {"S": "2026-03-04 12:00:00"},
            {"S": "2026-03-04T12:00:00.000"},
            {"S": "2026-03-04T17:00:00+05:00"},
            {"S": "2026-03-04T12:00:00.000000999Z"},
            {"N": "1772625600"},
            {"N": "1772625600.0"},
            {"N": "1772625600000"},
        ],
    )
    def test_time_is_read_from_every_known_form(self, value: AttributeValue) -> None:
        assert read(last_user_message_at=value).last_user_message_at == NOON

    @pytest.mark.parametrize(
        "value",
        [{"S": "yesterday"}, {"S": ""}, {"S": "2026-13-04"}, {"N": "1e40"}, {"L": []}, {"M": {}}],
    )
    def test_invalid_time_is_read_as_missing(self, value: AttributeValue) -> None:
        assert read(last_user_message_at=value).last_user_message_at is None

    def test_record_of_an_unsupported_channel_is_ignored(self) -> None:
        item = attributes({"conversation_id": "conversation-1", "primary_channel": "voice"})
        assert conversation_from_item(item) is None


class TestLegacyMessages:
    """The list of messages that older systems store inside a record."""

    def test_legacy_entry_is_read_as_a_message(self) -> None:
        entry = {
            "message_id": "1",
            "direction": "OUTBOUND",
            "content": "Hello",
            "timestamp": "2026-03-04T12:00:00Z",
            "channel_type": "email",
            "metadata": {"agent": {"name": "Eve", "shift": 2}},
        }
        metadata = {"agent": {"name": "Eve", "shift": 2}}
        expected = Message("1", Direction.OUTBOUND, "Hello", NOON, ChannelType.EMAIL, metadata)
        record = read(messages={"L": [{"M": attributes(entry)}]})
        assert record.legacy_messages == (expected,)

    def test_missing_fields_of_a_legacy_entry_are_filled_in(self) -> None:
        entries = [{"content": "A"}, {"timestamp": "2026-03-04T12:00:00Z"}, {"content": "C"}]
        record = read(messages={"L": [{"M": attributes(entry)} for entry in entries]})
        names = [message.message_id for message in record.legacy_messages]
        assert record.legacy_messages == (
            Message(names[0], Direction.INBOUND, "A", LONG_AGO, SMS),
            Message(names[1], Direction.INBOUND, "", NOON, SMS),
            Message(names[2], Direction.INBOUND, "C", NOON, SMS),
        )
        assert len(set(names)) == 3

    def test_legacy_entry_without_an_id_has_the_same_id_when_others_are_removed(self) -> None:
        first, *rest = ({"M": attributes({"content": text})} for text in ("A", "B", "B"))
        before = read(messages={"L": [first, *rest]}).legacy_messages
        after = read(messages={"L": rest}).legacy_messages
        assert [message.message_id for message in before[1:]] == [m.message_id for m in after]
        assert after[0].message_id != after[1].message_id

    def test_unreadable_fields_of_a_legacy_entry_are_in_its_metadata(self) -> None:
        entry: AttributeValue = {
            "M": {
                "content": {"S": "Hello"},
                "timestamp": {"S": "yesterday"},
                "metadata": {"S": "urgent"},
                "read_by": {"L": [{"S": "Eve"}]},
                "photo": {"B": b"\x89PNG"},
                "note": {"NULL": True},
            }
        }
        (message,) = read(messages={"L": [entry]}).legacy_messages
        assert message.metadata == {
            "timestamp": "yesterday",
            "metadata": "urgent",
            "read_by": ["Eve"],
            "photo": str(b"\x89PNG"),
        }

    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            ('{"agent": "Eve"}', {"agent": "Eve"}),
            ('["Eve"]', {"metadata": '["Eve"]'}),
            ("Eve", {"metadata": "Eve"}),
            (7, {"metadata": 7}),
        ],
    )
    def test_metadata_of_a_legacy_entry_may_be_a_map_or_json(
        self, metadata: object, expected: dict[str, object]
    ) -> None:
        entry = attributes({"content": "Hello", "metadata": metadata})
        (message,) = read(messages={"L": [{"M": entry}]}).legacy_messages
        assert message.metadata == expected

    def test_legacy_entry_may_be_only_a_text(self) -> None:
        values: AttributeValue = {"L": [{"S": "Hello"}, {"N": "7"}]}
        messages = read(messages=values).legacy_messages
        assert [message.content for message in messages] == ["Hello", "7"]

    @pytest.mark.parametrize("value", [{"S": "Hello"}, {"N": "7"}, {"M": {}}])
    def test_value_that_is_not_a_list_has_no_legacy_messages(self, value: AttributeValue) -> None:
        assert read(messages=value).legacy_messages == ()

    def test_legacy_messages_are_never_written(self) -> None:
        legacy = Message("1", Direction.INBOUND, "Hello", NOON, SMS)
        item = conversation_to_item(a_conversation(legacy_messages=(legacy,)))
        assert "messages" not in item

    def test_new_message_does_not_change_the_legacy_messages(self, tables: Tables) -> None:
        messages: AttributeValue = {"L": [{"M": attributes({"content": "Hello", "agent": 7})}]}
        record = {**conversation_to_item(a_conversation()), "messages": messages}
        tables.put("conversations", record)
        after = tables.stores().conversations.record_activity(
            a_conversation(), an_inbound_message()
        )
        assert after is not None
        assert [message.content for message in after.legacy_messages] == ["Hello"]
        (item,) = tables.items("conversations")
        assert item["messages"] == messages


class TestActivity:
    """The condition for activity holds for every form of a record."""

    @pytest.fixture
    def tables(self, ministack: EmulatedAws) -> Tables:
        """Tables on ministack, because moto cannot compare a number with a text."""
        return Tables.create(ministack)

    @pytest.mark.parametrize(
        "earlier",
        [
            {"S": (NOW - timedelta(hours=1)).astimezone(EAST).isoformat()},
            {"S": NOW.replace(microsecond=0).isoformat().replace("+00:00", "Z")},
            {"N": str(int(NOW.timestamp()))},
            {"S": "yesterday"},
            {"NULL": True},
        ],
    )
    def test_message_after_a_last_time_in_another_form_changes_the_conversation(
        self, tables: Tables, earlier: AttributeValue
    ) -> None:
        record = {**conversation_to_item(a_conversation()), "last_user_message_at": earlier}
        tables.put("conversations", record)
        after = tables.stores().conversations.record_activity(
            a_conversation(), an_inbound_message()
        )
        assert after == a_conversation().received(an_inbound_message())

    @pytest.mark.parametrize(
        "later",
        [
            {"S": (NOW + timedelta(hours=1)).isoformat(timespec="milliseconds")},
            {"S": "2026-03-04T12:00:01Z"},
            {"N": str(int(NOW.timestamp()) + 1)},
        ],
    )
    def test_message_before_a_last_time_in_another_form_changes_nothing(
        self, tables: Tables, later: AttributeValue
    ) -> None:
        record = {**conversation_to_item(a_conversation()), "last_user_message_at": later}
        tables.put("conversations", record)
        after = tables.stores().conversations.record_activity(
            a_conversation(), an_inbound_message()
        )
        assert after is not None
        assert after.conversation_status == ACTIVE
        assert tables.items("conversations") == [record]

    def test_record_with_only_its_key_takes_a_message(self, tables: Tables) -> None:
        tables.put_foreign(sender_id=None, recipient_id=None)
        seen = read()
        after = tables.stores().conversations.record_activity(seen, an_inbound_message())
        assert after is not None
        assert after.conversation_status == USER_REPLY_RECEIVED
        assert after.recipient_id == RECIPIENT[SMS]

    def test_null_recipient_is_treated_as_missing(self, tables: Tables) -> None:
        null: AttributeValue = {"NULL": True}
        record = {**conversation_to_item(a_conversation()), "recipient_id": null}
        tables.put("conversations", record)
        seen = a_conversation(recipient_id=None)
        after = tables.stores().conversations.record_activity(seen, an_inbound_message())
        assert after is not None
        assert after.recipient_id == RECIPIENT[SMS]

    def test_closed_record_in_another_form_takes_no_message(self, tables: Tables) -> None:
        at: AttributeValue = {"N": "1"}
        closed = conversation_to_item(a_conversation(conversation_status=CLOSED))
        tables.put("conversations", {**closed, "last_user_message_at": at})
        seen = a_conversation()
        assert tables.stores().conversations.record_activity(seen, an_inbound_message()) is None

    def test_almost_full_record_takes_a_message_without_its_text(self, tables: Tables) -> None:
        tables.put_foreign(history="x" * (400 * 1024 - 400))
        message = an_inbound_message(body="y" * 2048)
        after = tables.stores().conversations.record_activity(a_conversation(), message)
        assert after is not None
        assert (after.last_user_message_at, after.last_message) == (message.received_at, None)

    def test_attributes_of_other_systems_are_not_changed(self, tables: Tables) -> None:
        tables.put_foreign(priority=3, tags={"vip": True})
        tables.stores().conversations.record_activity(a_conversation(), an_inbound_message())
        tables.stores().conversations.change_state(a_conversation().key, HANDED_OFF)
        (item,) = tables.items("conversations")
        assert (item["priority"], item["tags"]) == ({"N": "3"}, {"M": {"vip": {"BOOL": True}}})

    @pytest.mark.parametrize(
        "written", [{"hand_off_to_human": "false"}, {"hand_off_to_human": 0}, {}]
    )
    def test_state_in_another_form_is_set_if_it_is_the_one_that_was_seen(
        self, tables: Tables, written: dict[str, object]
    ) -> None:
        tables.put_foreign(**written)
        conversations = tables.stores().conversations
        key, seen = a_conversation().key, ConversationState(ACTIVE, hand_off_to_human=False)
        record, is_set = conversations.change_state(key, HANDED_OFF, seen=seen)
        assert is_set
        assert record is not None
        assert record.hand_off_to_human
        assert conversations.change_state(key, HANDED_OFF, seen=seen) == (record, False)


def test_records_of_unsupported_channels_are_not_listed(tables: Tables) -> None:
    tables.put_foreign()
    tables.put_foreign(primary_channel="voice")
    stores = tables.stores()
    assert [
        record.primary_channel for record in stores.conversations.list_conversations(10).items
    ] == [SMS]
    assert len(stores.conversations.get_conversations("conversation-1")) == 1
