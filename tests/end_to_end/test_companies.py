"""Two companies behind one front desk: neither receives the other's messages."""

import logging
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import pytest

from domain.channels import ChannelType
from tests.contracts.concurrency import at_once
from tests.end_to_end.companies import ACME, BRILL, COMPANIES, given_conversation_with, joined
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk, on_aws_too
from tests.end_to_end.responses import (
    ACKNOWLEDGED,
    EMAIL,
    INVALID_SIGNATURE,
    SMS,
    WHATSAPP,
    every_channel,
)

pytestmark = on_aws_too


@every_channel
def test_customer_of_two_companies_reaches_each_with_its_own_message(
    shared: RunningFrontDesk, channel: ChannelType
) -> None:
    for company in COMPANIES:
        given_conversation_with(shared, company, channel)
    for company in COMPANIES:
        assert shared.post(company.signed_webhook(shared, channel)).shown == ACKNOWLEDGED[channel]
    assert joined(shared) == {
        (f"{name}-{channel}", name, f"To {name}"): 1 for name in ("acme", "brill")
    }
    assert shared.unmatched() == []


def test_concurrent_messages_to_two_companies_reach_only_their_own_company(
    shared: RunningFrontDesk,
) -> None:
    pairs = [(company, channel) for company in COMPANIES for channel in ChannelType]
    for company, channel in pairs:
        given_conversation_with(shared, company, channel)
    own = [
        partial(shared.post, company.signed_webhook(shared, channel)) for company, channel in pairs
    ]
    foreign = [
        partial(
            shared.post,
            ACME.signed_webhook(shared, channel, recipient=BRILL.recipient(channel), body="Stolen"),
        )
        for channel in ChannelType
    ]

    responses = at_once(chain(own * 4, foreign * 4))

    assert {response.status for response in responses} == {200}
    assert joined(shared) == {
        (f"{company.name}-{channel}", company.name, f"To {company.name}"): 1
        for company, channel in pairs
    }
    assert [message.body.strip() for message in shared.unmatched()] == ["Stolen"] * 3


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
def test_same_message_id_from_two_accounts_is_two_messages(
    shared: RunningFrontDesk, channel: ChannelType
) -> None:
    for company in COMPANIES:
        given_conversation_with(shared, company, channel)
        shared.post(company.signed_webhook(shared, channel, message_id="SM" + "5" * 32))
    assert len(joined(shared)) == 2


def test_mail_to_two_companies_reaches_only_the_company_whose_account_signed(
    shared: RunningFrontDesk,
) -> None:
    for company in COMPANIES:
        given_conversation_with(shared, company, EMAIL)
    both = (BRILL.mailbox, ACME.mailbox)
    assert shared.post(ACME.signed_webhook(shared, EMAIL, recipient=both, body="Hi")).status == 200
    assert joined(shared) == {("acme-email", "acme", "Hi"): 1}
    assert [message.recipient.address for message in shared.unmatched()] == [BRILL.mailbox]


# Webhooks that the account of one company signs for an address of the other


FOREIGN: dict[str, tuple[ChannelType, dict[str, Any]]] = {
    "a number": (SMS, {"recipient": BRILL.number}),
    "a number on WhatsApp": (WHATSAPP, {"recipient": BRILL.number}),
    "a number and its service": (
        SMS,
        {"recipient": BRILL.number, "more": {"MessagingServiceSid": BRILL.service}},
    ),
    "a number, through a service of its own": (
        SMS,
        {"recipient": BRILL.number, "more": {"MessagingServiceSid": ACME.service}},
    ),
    "a mailbox": (EMAIL, {"recipient": BRILL.mailbox}),
    "another mailbox of the domain": (EMAIL, {"recipient": "sales@brill.example"}),
    "a mailbox in capitals": (EMAIL, {"recipient": "HELP@BRILL.EXAMPLE"}),
    "a mailbox, in the thread": (
        EMAIL,
        {"recipient": BRILL.mailbox, "in_reply_to": "<thread@brill.example>"},
    ),
    "a mailbox, raw": (EMAIL, {"recipient": BRILL.mailbox, "mode": "raw"}),
}


@pytest.mark.parametrize("unknown_sender", ["fallback", "open"])
@pytest.mark.parametrize(("channel", "wanted"), FOREIGN.values(), ids=FOREIGN)
def test_message_to_an_address_of_another_company_is_unmatched_and_an_error(
    serve: Serve,
    tenants: dict[str, str],
    channel: ChannelType,
    wanted: dict[str, Any],
    unknown_sender: str,
) -> None:
    frontdesk = serve({**tenants, "UNKNOWN_SENDER": unknown_sender})
    conversation_of_brill = given_conversation_with(
        frontdesk, BRILL, channel, thread_id="<thread@brill.example>"
    )

    assert (
        frontdesk.post(ACME.signed_webhook(frontdesk, channel, **wanted)).shown
        == ACKNOWLEDGED[channel]
    )

    assert [message.body.strip() for message in frontdesk.unmatched()] == ["To acme"]
    assert frontdesk.container.conversation_store().list_conversations(9).items == (
        conversation_of_brill,
    )
    assert frontdesk.contexts() == {}
    assert frontdesk.counted("Errors", type="foreign_recipient") == 1
    assert frontdesk.counted("Fallbacks") == 0


@every_channel
def test_message_to_an_address_of_another_company_is_logged_as_an_error(
    shared: RunningFrontDesk, caplog: pytest.LogCaptureFixture, channel: ChannelType
) -> None:
    shared.post(ACME.signed_webhook(shared, channel, recipient=BRILL.recipient(channel)))
    alarms = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert alarms == ["an account wrote to a recipient that is not its own"]


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
@pytest.mark.parametrize("recipient", [ACME.number, BRILL.number])
def test_token_of_one_company_does_not_verify_the_account_of_another(
    shared: RunningFrontDesk, channel: ChannelType, recipient: str
) -> None:
    given_conversation_with(shared, BRILL, channel)
    forger = replace(BRILL.providers, auth_token=ACME.providers.auth_token)
    webhook = forger.webhook(shared.url(channel), channel, recipient=recipient)
    before = shared.stored_state()
    assert shared.post(webhook).shown == INVALID_SIGNATURE
    assert shared.stored_state() == before


@every_channel
def test_webhook_of_one_company_with_the_signature_of_another_is_refused(
    shared: RunningFrontDesk, channel: ChannelType
) -> None:
    given_conversation_with(shared, BRILL, channel)
    theirs, ours = BRILL.signed_webhook(shared, channel), ACME.signed_webhook(shared, channel)
    webhook = replace(theirs, headers=ours.headers)
    before = shared.stored_state()
    assert shared.post(webhook).shown == INVALID_SIGNATURE
    assert shared.stored_state() == before
