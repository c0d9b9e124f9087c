"""Conversation records that other systems wrote: they say little about whose they are."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from domain.channels import ChannelType
from domain.conversations import Conversation
from tests.builders import SENDER
from tests.contracts.concurrency import at_once
from tests.end_to_end.companies import ACME, BRILL, COMPANIES, Company, joined
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.responses import ACKNOWLEDGED, EMAIL, SMS, WHATSAPP

BARE: dict[str, Any] = {"company_id": None, "recipient_id": None}
OLD_RECORDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nobody's": (BARE, set()),
    "names the company, but no account": ({**BARE, "company_id": "brill"}, set()),
    "names the credentials": (
        {**BARE, "credentials_reference": BRILL.credentials_reference},
        {"brill"},
    ),
    "names the account": (
        {**BARE, "credentials_reference": BRILL.providers.account_sid},
        {"brill"},
    ),
    "names the number alone": ({**BARE, "recipient_id": BRILL.number}, {"brill"}),
    "names the service alone": ({**BARE, "recipient_id": BRILL.service}, {"brill"}),
    "contradicts itself": (
        {"company_id": "acme", "recipient_id": BRILL.number},
        set(),
    ),
}


def record_of(frontdesk: RunningFrontDesk, conversation: Conversation) -> Conversation:
    (record,) = frontdesk.container.conversation_store().get_conversations(
        conversation.conversation_id
    )
    return record


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
@pytest.mark.parametrize(("attributes", "may_join"), OLD_RECORDS.values(), ids=OLD_RECORDS)
@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
def test_old_record_is_joined_only_by_messages_to_its_own_company(
    shared: RunningFrontDesk,
    channel: ChannelType,
    attributes: dict[str, Any],
    may_join: set[str],
    company: Company,
) -> None:
    record = shared.given_conversation(channel, **attributes)
    message = company.signed_webhook(shared, channel, more={"MessagingServiceSid": company.service})

    assert shared.post(message).shown == ACKNOWLEDGED[channel]

    may = company.name in may_join
    assert (record_of(shared, record) != record) is may
    assert len(shared.unmatched()) == (0 if may else 1)


MAIL_RECORDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nobody's": (BARE, set()),
    "names the credentials": (
        {**BARE, "credentials_reference": BRILL.credentials_reference},
        {"brill"},
    ),
    "names the account": ({**BARE, "credentials_reference": "brill-mail"}, {"brill"}),
    "names the mailbox alone": ({**BARE, "recipient_id": "Help@Brill.example"}, {"brill"}),
    "in the thread, nobody's": ({**BARE, "thread_id": "<thread@brill.example>"}, set()),
}


@pytest.mark.parametrize(("attributes", "may_join"), MAIL_RECORDS.values(), ids=MAIL_RECORDS)
@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
def test_old_mail_record_is_joined_only_by_mail_to_its_own_company(
    shared: RunningFrontDesk, attributes: dict[str, Any], may_join: set[str], company: Company
) -> None:
    record = shared.given_conversation(EMAIL, **attributes)
    mail = company.signed_webhook(shared, EMAIL, in_reply_to="<thread@brill.example>")

    assert shared.post(mail).shown == ACKNOWLEDGED[EMAIL]

    assert (record_of(shared, record) != record) is (company.name in may_join)


def test_concurrent_messages_to_two_companies_join_an_old_record_only_of_its_own(
    shared: RunningFrontDesk,
) -> None:
    record = shared.given_conversation(
        SMS, **BARE, credentials_reference=BRILL.credentials_reference
    )
    sends: list[Callable[[], object]] = [
        partial(shared.post, company.signed_webhook(shared, SMS))
        for company in COMPANIES
        for _ in range(8)
    ]
    at_once(sends)

    assert joined(shared) == {("conversation-1", "brill", "To brill"): 8}
    assert record_of(shared, record).recipient_id == BRILL.number
    assert Counter(message.body for message in shared.unmatched()) == {"To acme": 8}
    assert shared.unmatched()[0].sender.value == SENDER[SMS]


FOREIGN: dict[str, dict[str, Any]] = {
    "the other's number": {"recipient": BRILL.number},
    "the other's number, through our service": {
        "recipient": BRILL.number,
        "more": {"MessagingServiceSid": ACME.service},
    },
    "our number, through the other's service": {
        "recipient": ACME.number,
        "more": {"MessagingServiceSid": BRILL.service},
    },
    "the other's service as recipient": {"recipient": BRILL.service},
}


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
@pytest.mark.parametrize("wanted", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("recipient", [BRILL.number, BRILL.service])
def test_old_record_is_not_changed_by_messages_that_another_company_signed(
    shared: RunningFrontDesk, channel: ChannelType, recipient: str, wanted: dict[str, Any]
) -> None:
    record = shared.given_conversation(channel, **{**BARE, "recipient_id": recipient})

    assert shared.post(ACME.signed_webhook(shared, channel, **wanted)).status == 200

    assert (record_of(shared, record), shared.contexts()) == (record, {})
