"""The company that a record, a message, a context or a webhook belongs to."""

from dataclasses import replace
from typing import Any

import pytest

from application.companies import FindCompany
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.messages import Recipient
from domain.tenants import Tenant, TenantDirectory
from tests.builders import ACCOUNT, NOW, a_conversation, a_record, an_inbound_message

SHARED, OWN = "shared account", "account of globex"
ACME = Tenant(
    "acme",
    credentials_reference="ref-acme",
    accounts=frozenset({ACCOUNT, SHARED}),
    recipients=frozenset({"+15005550006"}),
)
GLOBEX = Tenant(
    "globex",
    credentials_reference="ref-globex",
    accounts=frozenset({OWN, SHARED}),
    recipients=frozenset({"+15005550007", "globex.example"}),
)
TWO = FindCompany(lambda: TenantDirectory((ACME, GLOBEX)))
ONE = FindCompany(lambda: TenantDirectory((Tenant("only"),)))
UNNAMED: dict[str, Any] = {"company_id": None, "credentials_reference": None}
TO_GLOBEX = Recipient("+15005550007", "+15005550007", ("+15005550007",))


@pytest.mark.parametrize(
    ("attributes", "company_id"),
    [
        ({}, "acme"),
        ({"company_id": "another"}, "another"),
        ({**UNNAMED, "recipient_id": "+15005550007"}, "globex"),
        ({**UNNAMED, "recipient_id": "+15005550008"}, None),
        ({**UNNAMED, "recipient_id": None}, None),
        ({**UNNAMED, "recipient_id": None, "credentials_reference": "ref-globex"}, "globex"),
        ({**UNNAMED, "recipient_id": None, "credentials_reference": OWN}, "globex"),
        ({**UNNAMED, "recipient_id": None, "credentials_reference": SHARED}, None),
        ({**UNNAMED, "recipient_id": None, "credentials_reference": "unknown"}, None),
    ],
)
def test_company_of_a_conversation(attributes: dict[str, Any], company_id: str | None) -> None:
    assert TWO.of_conversation(a_conversation(**attributes)) == company_id


def test_only_company_has_every_record_that_names_none() -> None:
    assert ONE.of_conversation(a_conversation(**UNNAMED, recipient_id=None)) == "only"
    assert ONE.of_conversation(a_conversation(company_id="another")) == "another"


def test_message_belongs_to_the_company_of_its_recipient_if_its_account_may_speak_for_it() -> None:
    message = an_inbound_message()
    assert TWO.of_message(message) == "acme"
    assert TWO.of_message(replace(message, account=OWN)) is None
    assert TWO.of_message(replace(message, recipient=TO_GLOBEX)) is None
    assert TWO.of_message(replace(message, account=SHARED, recipient=TO_GLOBEX)) == "globex"


@pytest.mark.parametrize(
    ("company_id", "recipient", "expected"),
    [
        ("acme", "+15005550007", "acme"),
        (None, "whatsapp:+15005550007", "globex"),
        (None, "?", None),
    ],
)
def test_company_of_a_context(company_id: str | None, recipient: str, expected: str | None) -> None:
    channel = ChannelType.WHATSAPP
    record = a_record(an_inbound_message(channel))
    context = ContextObject.of(record, a_conversation(channel), None, NOW)
    context = replace(
        context,
        company=replace(context.company, company_id=company_id),
        message=replace(context.message, recipient=recipient),
    )
    assert TWO.of_context(context) == expected


def test_webhook_belongs_to_the_company_of_all_its_messages() -> None:
    ours, theirs = (
        replace(an_inbound_message(), account=SHARED),
        replace(an_inbound_message(), account=SHARED, recipient=TO_GLOBEX),
    )
    assert TWO.of_webhook(SHARED, [ours, ours]) == "acme"
    assert TWO.of_webhook(SHARED, [ours, theirs]) is None


def test_unreadable_webhook_belongs_to_the_only_company_with_its_account() -> None:
    assert TWO.of_webhook(OWN, []) == "globex"
    assert TWO.of_webhook(SHARED, []) is None
    assert TWO.of_webhook("unknown", []) is None
    assert TWO.of_webhook(None, []) is None
