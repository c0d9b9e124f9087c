"""The contract of ``Retention``: messages and conversations are listed and erased."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from application.ports.pages import each_item
from application.ports.stores import Stores
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import CLOSED, Message
from domain.erasure import RetainedMessage, Tombstone, content_marks
from domain.errors import InvalidCursorError
from domain.messages import Attachment, ConversationKey, MessageRecord, MessageState
from domain.trail import FailedAttempt
from tests.builders import KEY, NOW, RECIPIENT, SENDER, a_conversation, a_record, an_inbound_message
from tests.contracts.conversation_changes import ConversationStoreTests
from tests.contracts.cursors import WRONG_CURSORS
from tests.contracts.legacy_histories import an_entry
from tests.contracts.message_lists import OTHER, MessageStoreTests, numbered

SMS = ChannelType.SMS
DAY = timedelta(days=1)
LONG = "So long that it lies elsewhere. " * 5_000


def retained(
    stores: Stores, limit: int = 100, before: datetime | None = None
) -> dict[str, RetainedMessage]:
    """All retained messages by their keys, read in pages of ``limit``."""
    found = list(_all(stores, limit, before))
    assert len({one.key for one in found}) == len(found)
    return {one.key: one for one in found}


def _all(stores: Stores, limit: int, before: datetime | None) -> Iterator[RetainedMessage]:
    return each_item(
        lambda cursor: stores.retention.list_retained(limit, after=cursor, before=before)
    )


def _all_of(stores: Stores, key: ConversationKey) -> list[RetainedMessage]:
    return list(each_item(lambda cursor: stores.retention.list_retained_of(key, 1, after=cursor)))


def erase_all(stores: Stores) -> None:
    """Erase every retained message."""
    for one in retained(stores).values():
        assert stores.retention.erase(one)


class RetentionContract(MessageStoreTests):
    """Retained messages are listed with what is needed to erase their traces."""

    def test_new_store_retains_no_message(self, stores: Stores) -> None:
        assert retained(stores) == {}

    def test_retained_message_has_its_identities_and_files(self, stores: Stores) -> None:
        files = (Attachment("image/png", url="https://media.example/1"),)
        message = an_inbound_message(attachments=files, metadata={"profile": "Ana"})
        stores.messages.record(a_record(message))
        (found,) = retained(stores).values()
        without = replace(message, body="", metadata={})
        assert found == RetainedMessage.of(a_record(without))

    def test_retained_imported_entry_belongs_only_to_its_conversation(self, stores: Stores) -> None:
        entry = an_entry(1)
        stores.history_import.import_message(KEY, entry)
        (found,) = retained(stores).values()
        assert (found.conversation, found.timestamp, found.message) == (
            KEY,
            entry.timestamp,
            None,
        )

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_retained_pages_of_any_size_list_every_message_once(
        self, stores: Stores, limit: int
    ) -> None:
        for number in range(3):
            stores.messages.record(numbered(number))
            stores.history_import.import_message(KEY, an_entry(number))
        assert len(retained(stores, limit)) == 6

    def test_retained_listing_continues_after_listed_messages_are_erased(
        self, stores: Stores
    ) -> None:
        for number in range(4):
            stores.messages.record(numbered(number))
        page = stores.retention.list_retained(2)
        seen = {one.key for one in page.items}
        for one in page.items:
            stores.retention.erase(one)
        while page.cursor is not None:
            page = stores.retention.list_retained(2, after=page.cursor)
            seen |= {one.key for one in page.items}
        assert len(seen) == 4

    def test_retained_listing_can_be_limited_to_older_messages(self, stores: Stores) -> None:
        for number in range(3):
            stores.messages.record(numbered(number))
        before = NOW + timedelta(seconds=2)
        assert set(retained(stores, before=before)) == {numbered(n).request_id for n in (0, 1)}

    def test_retained_listing_of_a_conversation_has_only_its_messages(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.messages.record(numbered(2, OTHER))
        stores.history_import.import_message(KEY, an_entry(1))
        found = _all_of(stores, KEY)
        assert {one.conversation for one in found} == {KEY}
        assert len(found) == 2

    @pytest.mark.parametrize("cursor", WRONG_CURSORS)
    def test_wrong_cursor_of_a_retained_list_is_refused(self, stores: Stores, cursor: str) -> None:
        with pytest.raises(InvalidCursorError):
            stores.retention.list_retained(1, after=cursor)
        with pytest.raises(InvalidCursorError):
            stores.retention.list_retained_of(KEY, 1, after=cursor)
        with pytest.raises(InvalidCursorError):
            stores.history_import.list_with_legacy_messages(1, after=cursor)


class EraseContract(MessageStoreTests):
    """An erased message leaves a tombstone and nothing else."""

    @pytest.fixture(params=[KEY, None], ids=["of a conversation", "unmatched"])
    def record(self, request: pytest.FixtureRequest) -> MessageRecord:
        return a_record(conversation=request.param)

    @pytest.fixture
    def erased(self, stores: Stores, record: MessageRecord) -> Stores:
        stores.messages.record(record)
        stores.history_import.import_message(KEY, an_entry(1))
        erase_all(stores)
        return stores

    def test_erased_message_is_listed_nowhere(self, erased: Stores) -> None:
        assert retained(erased) == {}
        assert _all_of(erased, KEY) == []
        assert erased.messages.history(KEY) == ()
        assert erased.messages.list_unmatched(10).items == ()
        assert erased.outbox.list_stuck(10, NOW + DAY) == ()

    def test_erased_message_is_still_a_duplicate(
        self, erased: Stores, record: MessageRecord
    ) -> None:
        again = erased.messages.record(replace(record, recorded_at=NOW + DAY))
        assert isinstance(again, Tombstone)
        assert again.request_id == record.request_id
        assert retained(erased) == {}

    def test_tombstone_of_a_mail_has_the_marks_of_its_content(self, stores: Stores) -> None:
        mail = an_inbound_message(ChannelType.EMAIL, subject="Lamp", body="Where is it?")
        stores.messages.record(a_record(mail))
        (one,) = retained(stores).values()
        stores.retention.erase(one)
        marks = content_marks(mail.request_id, mail)
        assert stores.messages.find_record(mail.request_id) == Tombstone(mail.request_id, marks)

    def test_erased_message_has_a_tombstone_and_an_unknown_message_has_none(
        self, erased: Stores, record: MessageRecord
    ) -> None:
        assert isinstance(erased.messages.find_record(record.request_id), Tombstone)
        assert not isinstance(erased.messages.find_record(numbered(7).request_id), Tombstone)

    def test_retained_message_has_no_tombstone(self, stores: Stores) -> None:
        stores.messages.record(a_record())
        assert not isinstance(stores.messages.find_record(a_record().request_id), Tombstone)

    def test_erased_message_cannot_be_assigned_leased_retried_or_queued(
        self, erased: Stores, record: MessageRecord
    ) -> None:
        assert not erased.messages.assign(record, OTHER)
        assert not erased.outbox.take_lease(record, NOW + DAY)
        erased.outbox.add_failure(record, FailedAttempt(NOW, "no connection"))
        assert not erased.outbox.give_up(record)
        assert not erased.outbox.retry(record.request_id)
        assert not erased.outbox.mark_queued(record.request_id, NOW)
        assert isinstance(erased.messages.find_record(record.request_id), Tombstone)
        assert retained(erased) == {}

    def test_erasing_a_message_again_erases_nothing(
        self, erased: Stores, record: MessageRecord
    ) -> None:
        assert not erased.retention.erase(RetainedMessage.of(record))

    def test_erased_entry_can_be_imported_again(self, erased: Stores) -> None:
        assert erased.history_import.import_message(KEY, an_entry(1))

    def test_erasing_one_message_leaves_the_others(self, stores: Stores) -> None:
        stores.messages.record(numbered(1))
        stores.messages.record(numbered(2))
        stores.retention.erase(RetainedMessage.of(numbered(1)))
        assert stores.messages.history(KEY) == (Message.of(numbered(2).message),)
        assert stores.messages.record(replace(numbered(2))) == numbered(2)

    @pytest.mark.parametrize("state", [MessageState.PENDING, MessageState.QUEUED])
    def test_erasing_a_message_with_a_long_text_leaves_a_tombstone_in_any_state(
        self, stores: Stores, state: MessageState
    ) -> None:
        record = a_record(an_inbound_message(body=LONG), state=state)
        stores.messages.record(record)
        erase_all(stores)
        assert isinstance(stores.messages.record(record), Tombstone)

    def test_unmatched_page_continues_after_an_erased_message(self, stores: Stores) -> None:
        for number in (1, 2):
            stores.messages.record(numbered(number, None))
        first = stores.messages.list_unmatched(1)
        stores.retention.erase(RetainedMessage.of(numbered(1, None)))
        following = stores.messages.list_unmatched(10, after=first.cursor)
        assert following.items == (numbered(2, None),)


class MessageErasureContract(RetentionContract, EraseContract):
    """Erasure of messages. A backend overrides ``stores``."""


class ConversationErasureContract(ConversationStoreTests):
    """Erasure of conversations. A backend overrides ``stores``."""

    @pytest.mark.parametrize("status", ["active", CLOSED])
    def test_conversation_to_erase_is_found_in_any_status(
        self, stores: Stores, status: str
    ) -> None:
        conversation = a_conversation(conversation_status=status)
        stores.conversations.open_conversation(conversation)
        assert stores.retention.find_all_conversations(SMS, [SENDER[SMS]]) == (conversation,)

    def test_conversation_of_another_sender_is_not_found_for_erasure(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation())
        assert stores.retention.find_all_conversations(SMS, ["+14155550199"]) == ()
        assert stores.retention.find_all_conversations(ChannelType.WHATSAPP, [SENDER[SMS]]) == ()

    def test_erased_conversation_is_found_by_none_of_its_identities(self, stores: Stores) -> None:
        channel = ChannelType.WHATSAPP
        user_id = Address.parse(channel, "DE.13491208655302741918")
        number = Address.parse(channel, SENDER[channel])
        conversation = a_conversation(channel)
        stores.conversations.open_conversation(conversation)
        stores.conversations.find_open_conversations(channel, [number.value])
        stores.conversations.record_activity(
            conversation, an_inbound_message(channel, identities=(user_id, number))
        )
        assert len(stores.retention.find_all_conversations(channel, [user_id.value])) == 1
        assert stores.retention.erase_conversation(conversation.key)
        for value in (user_id.value, number.value):
            assert stores.retention.find_all_conversations(channel, [value]) == ()
            assert stores.conversations.find_open_conversations(channel, [value]) == ()
        assert stores.conversations.get_conversations(conversation.conversation_id) == ()

    def test_erasing_a_conversation_leaves_the_same_id_on_another_channel(
        self, stores: Stores
    ) -> None:
        for channel in (SMS, ChannelType.WHATSAPP):
            stores.conversations.open_conversation(a_conversation(channel))
        assert stores.retention.erase_conversation(a_conversation(SMS).key)
        (left,) = stores.conversations.get_conversations("conversation-1")
        assert left.primary_channel is ChannelType.WHATSAPP
        found = stores.retention.find_all_conversations(left.primary_channel, [SENDER[SMS]])
        assert found == (left,)

    def test_erasing_a_missing_conversation_erases_nothing(self, stores: Stores) -> None:
        assert not stores.retention.erase_conversation(KEY)

    def test_sender_written_in_another_form_is_found_for_erasure(self, stores: Stores) -> None:
        written = a_conversation(ChannelType.EMAIL, sender_id="Zora.Quill@Example.COM")
        stores.conversations.open_conversation(written)
        wanted = (ChannelType.EMAIL, ["zora.quill@example.com"])
        assert stores.retention.find_all_conversations(*wanted) == (written,)

    def test_message_after_an_erasure_does_not_create_the_conversation_again(
        self, stores: Stores
    ) -> None:
        stores.conversations.open_conversation(a_conversation())
        stores.retention.erase_conversation(KEY)
        assert stores.conversations.record_activity(a_conversation(), an_inbound_message()) is None
        assert stores.conversations.get_conversations(KEY.conversation_id) == ()

    def test_erasing_old_last_messages_leaves_the_conversations(self, stores: Stores) -> None:
        for number, age in enumerate((3, 2, 1)):
            conversation = a_conversation(
                conversation_id=f"c{number}",
                sender_id=f"+1415555010{number}",
                recipient_id=RECIPIENT[SMS],
            )
            stores.conversations.open_conversation(conversation)
            message = an_inbound_message(sender=f"+1415555010{number}", received_at=NOW - age * DAY)
            stores.conversations.record_activity(conversation, message)
        before = NOW - 1.5 * DAY
        assert sum(stores.retention.erase_last_messages(before)) == 2
        assert sum(stores.retention.erase_last_messages(before)) == 0
        texts = {
            c.conversation_id: c.last_message
            for c in stores.conversations.list_conversations(10).items
        }
        assert [name for name, last in sorted(texts.items()) if last] == ["c2"]
