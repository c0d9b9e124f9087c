"""The contract of ``ConversationStore`` for lists: all conversations, and those of an address."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.pages import each_item
from application.ports.stores import Stores
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import CLOSED
from domain.errors import InvalidCursorError
from tests.builders import NOW, RECIPIENT, a_conversation, an_inbound_message
from tests.contracts.conversation_changes import (
    EMAIL,
    NUMBER,
    SMS,
    WHATSAPP,
    ConversationStoreTests,
    ids,
)
from tests.contracts.cursors import WRONG_CURSORS

Senders = Mapping[ChannelType, Sequence[str]]
OF_ANA: Senders = {SMS: [NUMBER]}


def listed(stores: Stores, size: int = 100, senders: Senders | None = None) -> list[str]:
    """The ids on all pages, each at most ``size`` long."""
    read = partial(stores.conversations.list_conversations, size, senders=senders)
    pages = each_item(lambda cursor: read(after=cursor))
    return [conversation.conversation_id for conversation in pages]


def given(stores: Stores, *names: str, **attributes: Any) -> None:
    """Open conversations with these ids."""
    for name in names:
        stores.conversations.open_conversation(a_conversation(conversation_id=name, **attributes))


class ConversationListContract(ConversationStoreTests):
    """Conversations are listed page by page."""

    def test_new_store_has_no_conversations(self, stores: Stores) -> None:
        assert listed(stores) == []
        assert listed(stores, senders=OF_ANA) == []

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_pages_of_any_size_list_every_conversation_once(
        self, stores: Stores, size: int
    ) -> None:
        given(stores, "a", "b", last_activity_at=NOW)
        given(stores, "c", "d", last_activity_at=None)
        given(stores, "e", conversation_status=CLOSED)
        stores.conversations.open_conversation(a_conversation(EMAIL, conversation_id="a"))
        assert sorted(listed(stores, size)) == ["a", "a", "b", "c", "d", "e"]

    def test_page_is_no_longer_than_its_limit(self, stores: Stores) -> None:
        given(stores, "a", "b", "c")
        assert len(stores.conversations.list_conversations(2).items) == 2

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_conversations_of_an_address_are_listed_in_the_order_of_their_ids(
        self, stores: Stores, size: int
    ) -> None:
        given(stores, "c", "a", "b", "d")
        given(stores, "x", sender_id="+14155550199")
        given(stores, "y", sender_id=None)
        assert listed(stores, size, OF_ANA) == ["a", "b", "c", "d"]

    def test_closed_conversation_of_an_address_is_listed(self, stores: Stores) -> None:
        given(stores, "a", conversation_status=CLOSED)
        given(stores, "b")
        assert listed(stores, senders=OF_ANA) == ["a", "b"]

    def test_conversations_of_an_address_are_listed_on_the_named_channels_alone(
        self, stores: Stores
    ) -> None:
        for channel in (SMS, WHATSAPP):
            stores.conversations.open_conversation(a_conversation(channel, sender_id=NUMBER))
        assert len(listed(stores, senders=OF_ANA)) == 1
        assert len(listed(stores, 1, {SMS: [NUMBER], WHATSAPP: [NUMBER]})) == 2
        assert listed(stores, senders={EMAIL: [NUMBER]}) == []
        assert listed(stores, senders={SMS: []}) == []

    @pytest.mark.parametrize("size", [1, 100])
    def test_conversation_of_several_identities_is_listed_once_by_any_of_them(
        self, stores: Stores, size: int
    ) -> None:
        user_id = Address.parse(WHATSAPP, "DE.13491208655302741918")
        number = Address.parse(WHATSAPP, NUMBER)
        message = an_inbound_message(WHATSAPP, identities=(user_id, number))
        stores.conversations.open_conversation(a_conversation(WHATSAPP))
        stores.conversations.record_activity(a_conversation(WHATSAPP), message)
        for values in ([user_id.value], [NUMBER], [user_id.value, NUMBER]):
            assert listed(stores, size, {WHATSAPP: values}) == ["conversation-1"]

    def test_sender_written_by_another_system_is_listed_by_its_normal_form(
        self, stores: Stores
    ) -> None:
        written = a_conversation(WHATSAPP, sender_id=f"whatsapp:{NUMBER}")
        stores.conversations.open_conversation(written)
        assert listed(stores, senders={WHATSAPP: [NUMBER]}) == ["conversation-1"]

    def test_listed_conversation_is_as_it_was_stored(self, stores: Stores) -> None:
        conversation = a_conversation(last_activity_at=NOW, recipient_id=RECIPIENT[SMS])
        stores.conversations.open_conversation(conversation)
        assert stores.conversations.list_conversations(1).items == (conversation,)
        page = stores.conversations.list_conversations(1, senders=OF_ANA)
        assert page.items == (conversation,)

    @pytest.mark.parametrize("cursor", WRONG_CURSORS)
    @pytest.mark.parametrize("senders", [None, OF_ANA], ids=["all", "of an address"])
    def test_wrong_cursor_of_a_conversation_list_is_refused(
        self, stores: Stores, senders: Senders | None, cursor: str
    ) -> None:
        with pytest.raises(InvalidCursorError):
            stores.conversations.list_conversations(1, senders=senders, after=cursor)

    def test_cursor_of_all_conversations_is_refused_for_those_of_an_address(
        self, stores: Stores
    ) -> None:
        given(stores, "a", "b")
        cursor = stores.conversations.list_conversations(1).cursor
        assert cursor is not None
        with pytest.raises(InvalidCursorError):
            stores.conversations.list_conversations(1, senders=OF_ANA, after=cursor)


class ConversationOrderContract(ConversationStoreTests):
    """The order of embedded backends."""

    @pytest.mark.parametrize("size", [1, 2, 100])
    def test_conversation_list_begins_with_the_latest_activity(
        self, stores: Stores, size: int
    ) -> None:
        for name, seconds in (("before", -1), ("after", 1), ("now", 0), ("now too", 0)):
            given(stores, name, last_activity_at=NOW + timedelta(seconds=seconds))
        given(stores, "never", "ever", last_activity_at=None)
        expected = ["after", "now too", "now", "before", "never", "ever"]
        assert listed(stores, size) == expected

    def test_page_continues_after_a_conversation_that_became_active(self, stores: Stores) -> None:
        for number in range(3):
            given(stores, str(number), last_activity_at=NOW + timedelta(seconds=number))
        first = stores.conversations.list_conversations(1)
        assert ids(first.items) == ["2"]
        later = an_inbound_message(received_at=NOW + timedelta(hours=1))
        stores.conversations.record_activity(first.items[0], later)
        second = stores.conversations.list_conversations(10, after=first.cursor)
        assert ids(second.items) == ["1", "0"]
