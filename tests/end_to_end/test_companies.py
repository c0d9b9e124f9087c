"""Two companies behind one front desk: neither ever sees what was written to the other."""

import logging
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import pytest

from domain.channels import ChannelType
from tests.contracts.concurrency import at_once
from tests.end_to_end.answers import EMAIL, INVALID_SIGNATURE, SMS, THANKS, WHATSAPP, every_channel
from tests.end_to_end.companies import ACME, BRILL, COMPANIES, joined, open_for
from tests.end_to_end.conftest import Serve
from tests.end_to_end.desk import Desk, on_aws_too

pytestmark = on_aws_too


@every_channel
def test_customer_of_two_companies_reaches_each_with_its_own_message(
    shared: Desk, channel: ChannelType
) -> None:
    for company in COMPANIES:
        open_for(shared, company, channel)
    for company in COMPANIES:
        assert shared.post(company.signs(shared, channel)).shown == THANKS[channel]
    assert joined(shared) == {
        (f"{name}-{channel}", name, f"To {name}"): 1 for name in ("acme", "brill")
    }
    assert shared.unmatched() == []


def test_concurrent_messages_to_two_companies_reach_only_their_own_company(shared: Desk) -> None:
    pairs = [(company, channel) for company in COMPANIES for channel in ChannelType]
    for company, channel in pairs:
        open_for(shared, company, channel)
    own = [partial(shared.post, company.signs(shared, channel)) for company, channel in pairs]
    foreign = [
        partial(
            shared.post,
            ACME.signs(shared, channel, recipient=BRILL.recipient(channel), body="Stolen"),
        )
        for channel in ChannelType
    ]

    answers = at_once(chain(own * 4, foreign * 4))

    assert {answer.status for answer in answers} == {200}
    assert joined(shared) == {
        (f"{company.name}-{channel}", company.name, f"To {company.name}"): 1
        for company, channel in pairs
    }
    assert [message.body.strip() for message in shared.unmatched()] == ["Stolen"] * 3


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
def test_same_message_id_from_two_accounts_is_two_messages(
    shared: Desk, channel: ChannelType
) -> None:
    for company in COMPANIES:
        open_for(shared, company, channel)
        shared.post(company.signs(shared, channel, message_id="SM" + "5" * 32))
    assert len(joined(shared)) == 2


def test_mail_to_two_companies_reaches_only_the_company_whose_account_signed(shared: Desk) -> None:
    for company in COMPANIES:
        open_for(shared, company, EMAIL)
    both = (BRILL.mailbox, ACME.mailbox)
    assert shared.post(ACME.signs(shared, EMAIL, recipient=both, body="Hi")).status == 200
    assert joined(shared) == {("acme-email", "acme", "Hi"): 1}
    assert [message.recipient.address for message in shared.unmatched()] == [BRILL.mailbox]


# What one company's account signs for the other's address


FOREIGN: dict[str, tuple[ChannelType, dict[str, Any]]] = {
    "a number": (SMS, {"recipient": BRILL.number}),
    "a number on WhatsApp": (WHATSAPP, {"recipient": BRILL.number}),
    "a number and its service": (
        SMS,
        {"recipient": BRILL.number, "messaging_service_sid": BRILL.service},
    ),
    "a number, through a service of its own": (
        SMS,
        {"recipient": BRILL.number, "messaging_service_sid": ACME.service},
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
    desk = serve({**tenants, "UNKNOWN_SENDER": unknown_sender})
    brills = open_for(desk, BRILL, channel, thread_id="<thread@brill.example>")

    assert desk.post(ACME.signs(desk, channel, **wanted)).shown == THANKS[channel]

    assert [message.body.strip() for message in desk.unmatched()] == ["To acme"]
    assert desk.container.conversation_store().list_conversations(9) == (brills,)
    assert desk.contexts() == {}
    assert desk.counted("Errors", type="foreign_recipient") == 1
    assert desk.counted("Fallbacks") == 0


@every_channel
def test_message_to_an_address_of_another_company_is_logged_as_an_error(
    shared: Desk, caplog: pytest.LogCaptureFixture, channel: ChannelType
) -> None:
    shared.post(ACME.signs(shared, channel, recipient=BRILL.recipient(channel)))
    alarms = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert alarms == ["an account wrote to a recipient that is not its own"]


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
@pytest.mark.parametrize("recipient", [ACME.number, BRILL.number])
def test_token_of_one_company_does_not_verify_the_account_of_another(
    shared: Desk, channel: ChannelType, recipient: str
) -> None:
    open_for(shared, BRILL, channel)
    forger = replace(BRILL.providers, auth_token=ACME.providers.auth_token)
    webhook = forger.webhook(shared.url(channel), channel, recipient=recipient)
    before = shared.retained()
    assert shared.post(webhook).shown == INVALID_SIGNATURE
    assert shared.retained() == before


@every_channel
def test_webhook_of_one_company_with_the_signature_of_another_is_refused(
    shared: Desk, channel: ChannelType
) -> None:
    open_for(shared, BRILL, channel)
    theirs, ours = BRILL.signs(shared, channel), ACME.signs(shared, channel)
    webhook = replace(theirs, headers=ours.headers)
    before = shared.retained()
    assert shared.post(webhook).shown == INVALID_SIGNATURE
    assert shared.retained() == before
