"""Searching conversations by address, channel, status and company."""

from datetime import timedelta
from typing import Any

import pytest

from application.companies import FindCompany
from application.conversations.search_conversations import (
    ConversationFilter,
    SearchConversations,
)
from application.ports.pages import MOST_LOOKED_AT
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import CLOSED
from domain.errors import InvalidAddressError, InvalidCursorError
from domain.tenants import Tenant, TenantDirectory
from infrastructure.memory.memory_conversations import MemoryConversationStore
from tests.builders import NOW, a_conversation, an_inbound_message

SMS, WHATSAPP, EMAIL = ChannelType.SMS, ChannelType.WHATSAPP, ChannelType.EMAIL
ACME = Tenant("acme", recipients=frozenset({"+15005550006"}))
GLOBEX = Tenant("globex", recipients=frozenset({"+15005550007", "globex.example"}))


class Frontdesk:
    """A store in memory, and the search over it."""

    def __init__(self) -> None:
        self.store = MemoryConversationStore()
        find_company = FindCompany(lambda: TenantDirectory((ACME, GLOBEX)))
        self.search = SearchConversations(self.store, find_company)

    def given(self, name: str, channel: ChannelType = SMS, **attributes: Any) -> None:
        conversation = a_conversation(channel, conversation_id=name, **attributes)
        self.store.open_conversation(conversation)

    def found(self, limit: int = 50, **wanted: Any) -> list[str]:
        page = self.search(ConversationFilter(**wanted), limit)
        return [record.conversation_id for record in page.items]


@pytest.fixture
def frontdesk() -> Frontdesk:
    return Frontdesk()


def test_latest_activity_comes_first_also_of_an_address(frontdesk: Frontdesk) -> None:
    for name, seconds in (("a", 1), ("b", 3), ("c", 2)):
        frontdesk.given(name, last_activity_at=NOW + timedelta(seconds=seconds))
    frontdesk.given("never", last_activity_at=None)
    assert frontdesk.found() == ["b", "c", "a", "never"]
    assert frontdesk.found(address="+14155550123") == ["b", "c", "a", "never"]


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("+14155550123", ["sms", "whatsapp"]),
        ("whatsapp:+14155550123", ["whatsapp"]),
        ("ANA@example.COM", ["mail"]),
        ("+5511987654321", ["brazil"]),
        ("+551187654321", ["brazil"]),
        ("+14155550199", []),
    ],
)
def test_address_is_found_in_any_form_on_every_channel_that_has_such_addresses(
    frontdesk: Frontdesk, address: str, names: list[str]
) -> None:
    frontdesk.given("sms")
    frontdesk.given("whatsapp", WHATSAPP)
    frontdesk.given("mail", EMAIL)
    frontdesk.given("brazil", WHATSAPP, sender_id="+551187654321")
    assert sorted(frontdesk.found(address=address)) == names


def test_every_identity_of_a_customer_leads_to_the_conversation(frontdesk: Frontdesk) -> None:
    frontdesk.given("a", WHATSAPP)
    user_id = Address.parse(WHATSAPP, "DE.13491208655302741918")
    message = an_inbound_message(WHATSAPP, identities=(user_id,))
    frontdesk.store.record_activity(a_conversation(WHATSAPP, conversation_id="a"), message)
    assert frontdesk.found(address=user_id.value) == ["a"]
    assert frontdesk.found(address="+14155550123", channel=WHATSAPP) == ["a"]


def test_channel_status_and_company_must_all_fit(frontdesk: Frontdesk) -> None:
    frontdesk.given("a", conversation_status=CLOSED)
    frontdesk.given("b", WHATSAPP, conversation_status=CLOSED)
    frontdesk.given("c", company_id="globex", conversation_status=CLOSED)
    frontdesk.given("d")
    fits: dict[str, Any] = {"channel": SMS, "status": CLOSED, "company_ids": {"acme"}}
    assert frontdesk.found(**fits) == ["a"]
    assert frontdesk.found(**fits, address="+14155550123") == ["a"]
    assert frontdesk.found(company_ids=set()) == []


@pytest.mark.parametrize(("is_handed_off", "name"), [(True, "human"), (False, "ai")])
def test_conversations_are_found_by_who_answers(
    frontdesk: Frontdesk, is_handed_off: bool, name: str
) -> None:
    frontdesk.given("human", hand_off_to_human=True)
    frontdesk.given("ai")
    assert frontdesk.found(hand_off_to_human=is_handed_off) == [name]


def test_company_of_a_record_without_one_is_that_of_its_recipient(frontdesk: Frontdesk) -> None:
    unnamed: dict[str, Any] = {"company_id": None, "credentials_reference": None}
    frontdesk.given("acme's", recipient_id="+15005550006", **unnamed)
    frontdesk.given("globex's", EMAIL, recipient_id="Help@GLOBEX.example", **unnamed)
    frontdesk.given("unknown", recipient_id="+15005550008", **unnamed)
    frontdesk.given("no recipient", recipient_id=None, **unnamed)
    assert frontdesk.found(company_ids={"acme"}) == ["acme's"]
    assert frontdesk.found(company_ids={"globex"}) == ["globex's"]


def test_search_looks_at_a_limited_number_and_says_where_to_go_on(frontdesk: Frontdesk) -> None:
    for number in range(MOST_LOOKED_AT + 1):
        at = NOW - timedelta(seconds=number)
        status = CLOSED if number == MOST_LOOKED_AT else "active"
        frontdesk.given(f"{number:04}", last_activity_at=at, conversation_status=status)
    page = frontdesk.search(ConversationFilter(status=CLOSED), 10)
    assert page.items == ()
    assert page.cursor is not None
    rest = frontdesk.search(ConversationFilter(status=CLOSED), 10, after=page.cursor)
    assert [record.conversation_id for record in rest.items] == [f"{MOST_LOOKED_AT:04}"]
    assert rest.cursor is None


@pytest.mark.parametrize(("address", "channel"), [("ana@b.example", SMS), ("two words", EMAIL)])
def test_text_that_is_no_address_is_refused(
    frontdesk: Frontdesk, address: str, channel: ChannelType
) -> None:
    with pytest.raises(InvalidAddressError, match=str(channel)):
        frontdesk.found(address=address, channel=channel)
    with pytest.raises(InvalidAddressError):
        frontdesk.found(address="")


def test_cursor_of_another_list_is_refused(frontdesk: Frontdesk) -> None:
    with pytest.raises(InvalidCursorError):
        frontdesk.search(after="nonsense")
