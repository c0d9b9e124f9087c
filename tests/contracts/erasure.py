"""What every store promises about erasing: messages, conversations, and what leads to them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from application.ports.conversation_store import ConversationStore
from application.ports.message_store import MessageStore
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import CLOSED
from domain.erasure import RetainedMessage, Tombstone
from domain.messages import Attachment
from domain.outbox import MessageRecord, MessageState
from tests.builders import KEY, NOW, RECIPIENT, SENDER, a_conversation, a_record, an_inbound_message
from tests.contracts.conversation_changes import ConversationStoreTests
from tests.contracts.message_lists import OTHER, MessageStoreTests, numbered
from tests.contracts.old_histories import an_entry

SMS = ChannelType.SMS
DAY = timedelta(days=1)
LONG = "So long that it lies elsewhere. " * 5_000


def retained(
    store: MessageStore, limit: int = 100, before: datetime | None = None
) -> dict[str, RetainedMessage]:
    """Everything that is kept, by its key, read in pages of ``limit``."""
    found = list(_all(store, limit, before))
    assert len({one.key for one in found}) == len(found)
    return {one.key: one for one in found}


def _all(store: MessageStore, limit: int, before: datetime | None) -> Iterator[RetainedMessage]:
    page = store.list_retained(limit, before=before)
    yield from page.messages
    while page.last is not None:
        page = store.list_retained(limit, after=page.last, before=before)
        yield from page.messages


def erase_all(store: MessageStore) -> None:
    """Erase whatever is kept."""
    for one in retained(store).values():
        assert store.erase(one)


class RetentionContract(MessageStoreTests):
    """What is kept can be listed, with all that leads to its traces."""

    def test_nothing_is_kept_at_first(self, store: MessageStore) -> None:
        assert retained(store) == {}

    def test_a_message_tells_whose_it_is_and_where_its_files_are(self, store: MessageStore) -> None:
        files = (Attachment("image/png", url="https://media.example/1"),)
        message = an_inbound_message(attachments=files, metadata={"profile": "Ana"})
        store.record(a_record(message))
        (found,) = retained(store).values()
        without = replace(message, body="", metadata={})
        assert found == RetainedMessage.of(a_record(without))
        assert found.provider_files == ("https://media.example/1",)

    def test_an_imported_entry_belongs_to_its_conversation_alone(self, store: MessageStore) -> None:
        entry = an_entry(1)
        store.import_message(KEY, entry)
        (found,) = retained(store).values()
        assert (found.conversation, found.timestamp, found.message) == (
            KEY,
            entry.timestamp,
            None,
        )

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_pages_of_any_size_hold_everything_once(self, store: MessageStore, limit: int) -> None:
        for number in range(3):
            store.record(numbered(number))
            store.import_message(KEY, an_entry(number))
        assert len(retained(store, limit)) == 6

    def test_a_listing_goes_on_although_what_it_showed_was_erased(
        self, store: MessageStore
    ) -> None:
        for number in range(4):
            store.record(numbered(number))
        page = store.list_retained(2)
        seen = {one.key for one in page.messages}
        for one in page.messages:
            store.erase(one)
        while page.last is not None:
            page = store.list_retained(2, after=page.last)
            seen |= {one.key for one in page.messages}
        assert len(seen) == 4

    def test_only_what_is_older_can_be_asked_for(self, store: MessageStore) -> None:
        for number in range(3):
            store.record(numbered(number))
        before = NOW + timedelta(seconds=2)
        assert set(retained(store, before=before)) == {numbered(n).gate_key for n in (0, 1)}

    def test_a_conversation_has_its_own(self, store: MessageStore) -> None:
        store.record(numbered(1))
        store.record(numbered(2, OTHER))
        store.import_message(KEY, an_entry(1))
        found = list(store.list_retained_in(KEY))
        assert {one.conversation for one in found} == {KEY}
        assert len(found) == 2


class EraseContract(MessageStoreTests):
    """An erased message leaves its key, and nothing else."""

    @pytest.fixture(params=[KEY, None], ids=["of a conversation", "unmatched"])
    def record(self, request: pytest.FixtureRequest) -> MessageRecord:
        return a_record(conversation=request.param)

    @pytest.fixture
    def erased(self, store: MessageStore, record: MessageRecord) -> MessageStore:
        store.record(record)
        store.import_message(KEY, an_entry(1))
        erase_all(store)
        return store

    def test_it_is_listed_nowhere(self, erased: MessageStore) -> None:
        assert retained(erased) == {}
        assert list(erased.list_retained_in(KEY)) == []
        assert erased.history(KEY) == ()
        assert erased.list_unmatched(10) == ()
        assert erased.list_stuck(10, NOW + DAY) == ()

    def test_its_gate_stays_closed(self, erased: MessageStore, record: MessageRecord) -> None:
        again = erased.record(replace(record, request_id="another"))
        assert isinstance(again, Tombstone)
        assert (again.gate_key, again.request_id) == (record.gate_key, record.request_id)
        assert again.is_by(record.message.sender)
        assert not again.is_by(Address.parse(SMS, "+14155550199"))
        assert retained(erased) == {}

    def test_it_can_be_told_from_what_never_came(
        self, erased: MessageStore, record: MessageRecord
    ) -> None:
        assert erased.is_erased(record.gate_key)
        assert not erased.is_erased(numbered(7).gate_key)

    def test_what_is_kept_is_not_erased(self, store: MessageStore) -> None:
        store.record(a_record())
        assert not store.is_erased(a_record().gate_key)

    def test_nothing_brings_it_back(self, erased: MessageStore, record: MessageRecord) -> None:
        assert not erased.assign(record, OTHER)
        assert not erased.take_lease(record, NOW + DAY)
        assert not erased.give_up(record)
        assert not erased.retry(record.gate_key)
        assert not erased.mark_queued(record.gate_key, NOW)
        assert erased.is_erased(record.gate_key)
        assert retained(erased) == {}

    def test_a_second_time_there_is_nothing_to_erase(
        self, erased: MessageStore, record: MessageRecord
    ) -> None:
        assert not erased.erase(RetainedMessage.of(record))

    def test_an_entry_that_is_gone_can_be_imported_again(self, erased: MessageStore) -> None:
        assert erased.import_message(KEY, an_entry(1))

    def test_others_stay_as_they_are(self, store: MessageStore) -> None:
        store.record(numbered(1))
        store.record(numbered(2))
        store.erase(RetainedMessage.of(numbered(1)))
        assert store.history(KEY) == (numbered(2).message.in_history(),)
        assert store.record(replace(numbered(2), request_id="another")) == numbered(2)

    @pytest.mark.parametrize("state", [MessageState.PENDING, MessageState.QUEUED])
    def test_long_texts_go_in_any_state(self, store: MessageStore, state: MessageState) -> None:
        record = a_record(an_inbound_message(body=LONG), state=state)
        store.record(record)
        erase_all(store)
        assert isinstance(store.record(record), Tombstone)

    def test_the_next_page_of_what_is_unmatched_is_found_after_one_that_was_erased(
        self, store: MessageStore
    ) -> None:
        for number in (1, 2):
            store.record(numbered(number, None))
        store.erase(RetainedMessage.of(numbered(1, None)))
        after = numbered(1).gate_key
        assert store.list_unmatched(10, after=after) == (numbered(2, None),)


class MessageErasureContract(RetentionContract, EraseContract):
    """Erasure of messages. A backend overrides ``store``."""


class ConversationErasureContract(ConversationStoreTests):
    """Erasure of conversations. A backend overrides ``store``."""

    @pytest.mark.parametrize("status", ["active", CLOSED])
    def test_a_conversation_is_found_in_any_state(
        self, store: ConversationStore, status: str
    ) -> None:
        conversation = a_conversation(conversation_status=status)
        store.open_conversation(conversation)
        assert store.find_all_conversations(SMS, [SENDER[SMS]]) == (conversation,)

    def test_another_senders_is_not(self, store: ConversationStore) -> None:
        store.open_conversation(a_conversation())
        assert store.find_all_conversations(SMS, ["+14155550199"]) == ()
        assert store.find_all_conversations(ChannelType.WHATSAPP, [SENDER[SMS]]) == ()

    def test_every_identity_leads_to_it_and_afterwards_none(self, store: ConversationStore) -> None:
        channel = ChannelType.WHATSAPP
        user_id = Address.parse(channel, "DE.13491208655302741918")
        number = Address.parse(channel, SENDER[channel])
        conversation = a_conversation(channel)
        store.open_conversation(conversation)
        store.find_open_conversations(channel, [number.value])
        store.record_activity(
            conversation, an_inbound_message(channel, identities=(user_id, number))
        )
        assert len(store.find_all_conversations(channel, [user_id.value])) == 1
        assert store.erase_conversation(conversation.key)
        for value in (user_id.value, number.value):
            assert store.find_all_conversations(channel, [value]) == ()
            assert store.find_open_conversations(channel, [value]) == ()
        assert store.get_conversations(conversation.conversation_id) == ()

    def test_the_same_id_on_another_channel_stays(self, store: ConversationStore) -> None:
        for channel in (SMS, ChannelType.WHATSAPP):
            store.open_conversation(a_conversation(channel))
        assert store.erase_conversation(a_conversation(SMS).key)
        (left,) = store.get_conversations("conversation-1")
        assert left.primary_channel is ChannelType.WHATSAPP
        found = store.find_all_conversations(left.primary_channel, [SENDER[SMS]])
        assert found == (left,)

    def test_what_is_gone_cannot_be_erased(self, store: ConversationStore) -> None:
        assert not store.erase_conversation(KEY)

    def test_a_sender_who_is_written_in_another_form_is_found(
        self, store: ConversationStore
    ) -> None:
        channel = ChannelType.EMAIL
        written = a_conversation(channel, sender_id="Zora.Quill@Example.COM")
        store.open_conversation(written)
        assert store.find_all_conversations(channel, ["zora.quill@example.com"]) == (written,)

    def test_a_message_that_arrives_after_it_joins_nothing(self, store: ConversationStore) -> None:
        store.open_conversation(a_conversation())
        store.erase_conversation(KEY)
        assert store.record_activity(a_conversation(), an_inbound_message()) is None
        assert store.get_conversations(KEY.conversation_id) == ()

    def test_old_copies_of_a_last_message_go_and_the_record_stays(
        self, store: ConversationStore
    ) -> None:
        for number, age in enumerate((3, 2, 1)):
            conversation = a_conversation(
                conversation_id=f"c{number}",
                sender_id=f"+1415555010{number}",
                recipient_id=RECIPIENT[SMS],
            )
            store.open_conversation(conversation)
            message = an_inbound_message(sender=f"+1415555010{number}", received_at=NOW - age * DAY)
            store.record_activity(conversation, message)
        before = NOW - 1.5 * DAY
        assert sum(store.erase_last_messages(before)) == 2
        assert sum(store.erase_last_messages(before)) == 0
        texts = {c.conversation_id: c.last_message for c in store.list_conversations(10)}
        assert [name for name, last in sorted(texts.items()) if last] == ["c2"]
