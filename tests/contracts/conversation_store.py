"""The contract of ``ConversationStore``."""

from functools import partial

import pytest

from application.ports.stores import Stores
from domain.channels import ChannelType
from domain.conversations import CLOSED, Direction, Message
from tests.builders import NOW, a_conversation
from tests.contracts.concurrency import at_once
from tests.contracts.conversation_changes import (
    EMAIL,
    LATER,
    NUMBER,
    SMS,
    WHATSAPP,
    ActivityContract,
    ConversationStoreTests,
    IdentityContract,
    StateContract,
    ids,
    only,
)
from tests.contracts.conversation_lists import ConversationListContract
from tests.contracts.erasure import ConversationErasureContract
from tests.contracts.legacy_histories import LegacyMessagesContract


class FindingContract(ConversationStoreTests):
    """Conversations are found by channel and sender."""

    def test_open_conversation_is_found_by_its_sender(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation())
        assert stores.conversations.find_open_conversations(SMS, [NUMBER]) == (a_conversation(),)

    def test_unknown_sender_has_no_conversation(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation())
        assert stores.conversations.find_open_conversations(SMS, ["+14155550199"]) == ()

    def test_empty_list_of_senders_finds_no_conversation(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation())
        assert stores.conversations.find_open_conversations(SMS, []) == ()

    def test_conversation_is_not_found_by_its_number_on_another_channel(
        self, stores: Stores
    ) -> None:
        stores.conversations.open_conversation(a_conversation())
        assert stores.conversations.find_open_conversations(WHATSAPP, [NUMBER]) == ()

    def test_all_conversations_of_a_sender_are_found(self, stores: Stores) -> None:
        for number in ("1", "2", "3"):
            stores.conversations.open_conversation(a_conversation(conversation_id=number))
        found = stores.conversations.find_open_conversations(SMS, [NUMBER])
        assert sorted(ids(found)) == ["1", "2", "3"]

    def test_conversation_is_found_once_by_several_sender_values(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation(conversation_id="1"))
        stores.conversations.open_conversation(
            a_conversation(conversation_id="2", sender_id="+14155550199")
        )
        senders = ["+14155550100", NUMBER, "+14155550199", NUMBER]
        assert sorted(ids(stores.conversations.find_open_conversations(SMS, senders))) == ["1", "2"]

    @pytest.mark.parametrize(
        ("channel", "written", "sender"),
        [
            (WHATSAPP, f"whatsapp:{NUMBER}", NUMBER),
            (EMAIL, "Ana@EXAMPLE.com", "ana@example.com"),
            (EMAIL, "Ana <ana@example.com>", "Ana <ana@example.com>"),
        ],
    )
    def test_sender_written_by_another_system_is_found_in_normal_form(
        self, stores: Stores, channel: ChannelType, written: str, sender: str
    ) -> None:
        stores.conversations.open_conversation(a_conversation(channel, sender_id=written))
        (found,) = stores.conversations.find_open_conversations(channel, [sender])
        assert found.sender_id == written

    def test_search_with_recipients_excludes_conversations_of_other_recipients(
        self, stores: Stores
    ) -> None:
        recipients = {"ours": "+15005550006", "theirs": "+15005550007", "nobodys": None}
        for name, recipient in recipients.items():
            stores.conversations.open_conversation(
                a_conversation(conversation_id=name, recipient_id=recipient)
            )
        ours = stores.conversations.find_open_conversations(SMS, [NUMBER], ["+15005550006", "MG1"])
        assert sorted(ids(ours)) == ["nobodys", "ours"]
        assert len(stores.conversations.find_open_conversations(SMS, [NUMBER], [])) == 3

    def test_recipient_written_by_another_system_is_compared_in_normal_form(
        self, stores: Stores
    ) -> None:
        written = "whatsapp:+15005550010"
        stores.conversations.open_conversation(a_conversation(WHATSAPP, recipient_id=written))
        found = stores.conversations.find_open_conversations(WHATSAPP, [NUMBER], ["+15005550010"])
        assert ids(found) == ["conversation-1"]

    def test_closed_conversation_is_not_found(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation(conversation_status=CLOSED))
        assert stores.conversations.find_open_conversations(SMS, [NUMBER]) == ()

    def test_conversation_with_any_other_status_is_found(self, stores: Stores) -> None:
        stores.conversations.open_conversation(
            a_conversation(conversation_status="waiting_for_parts")
        )
        assert ids(stores.conversations.find_open_conversations(SMS, [NUMBER])) == [
            "conversation-1"
        ]

    def test_conversation_without_a_sender_is_not_found(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation(sender_id=None))
        assert stores.conversations.find_open_conversations(SMS, [NUMBER]) == ()


class OpeningContract(ConversationStoreTests):
    """Conversations are opened once."""

    def test_opening_a_new_conversation_reports_it_as_created(self, stores: Stores) -> None:
        assert stores.conversations.open_conversation(a_conversation()) == (a_conversation(), True)

    def test_every_attribute_of_a_conversation_is_stored(self, stores: Stores) -> None:
        conversation = a_conversation(
            EMAIL,
            conversation_status="waiting",
            hand_off_to_human=True,
            thread_id="<thread@example.com>",
            last_user_message_at=NOW,
            last_activity_at=LATER,
            last_message=Message("<1@example.com>", Direction.OUTBOUND, "Grüße 🚚", NOW, EMAIL),
        )
        stores.conversations.open_conversation(conversation)
        assert only(stores) == conversation

    def test_opening_a_conversation_again_changes_nothing(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation())
        again = a_conversation(company_name="Somebody else", sender_id="+14155550199")
        assert stores.conversations.open_conversation(again) == (a_conversation(), False)
        assert stores.conversations.find_open_conversations(SMS, ["+14155550199"]) == ()

    def test_concurrent_opening_creates_the_conversation_once(self, stores: Stores) -> None:
        wanted = [a_conversation(company_name=f"Company {number}") for number in range(16)]
        opened = at_once(
            partial(stores.conversations.open_conversation, record) for record in wanted
        )
        assert [created for _, created in opened].count(True) == 1
        assert {record for record, _ in opened} == {only(stores)}

    def test_conversation_id_may_have_a_record_on_each_channel(self, stores: Stores) -> None:
        stores.conversations.open_conversation(a_conversation(SMS))
        stores.conversations.open_conversation(a_conversation(WHATSAPP))
        channels = {
            r.primary_channel for r in stores.conversations.get_conversations("conversation-1")
        }
        assert channels == {SMS, WHATSAPP}

    def test_unknown_conversation_id_has_no_records(self, stores: Stores) -> None:
        assert stores.conversations.get_conversations("unknown") == ()


class ConversationStoreContract(
    FindingContract,
    OpeningContract,
    ActivityContract,
    IdentityContract,
    StateContract,
    ConversationListContract,
    LegacyMessagesContract,
    ConversationErasureContract,
):
    """The whole contract. A backend overrides ``stores``."""
