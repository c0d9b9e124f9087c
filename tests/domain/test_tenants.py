"""The tenant that owns a message."""

from dataclasses import replace

import pytest

from domain.channels import ChannelType
from domain.messages import Recipient
from domain.tenants import Tenant, TenantDirectory
from tests.builders import ACCOUNT, a_tenant, an_inbound_message

SERVICE = f"MG{0:032x}"

OTHER_ACCOUNT = "AC00000000000000000000000000000002"
ACME = Tenant("acme", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550006"}))
GLOBEX = Tenant(
    "globex", accounts=frozenset({OTHER_ACCOUNT}), recipients=frozenset({"+15005550007"})
)
DIRECTORY = TenantDirectory((ACME, GLOBEX))


def test_a_message_belongs_to_the_company_with_its_account_and_recipient() -> None:
    assert DIRECTORY.owner_of(an_inbound_message()) is ACME


def test_message_of_an_account_for_the_recipient_of_another_company_has_no_owner() -> None:
    forged = an_inbound_message(account=OTHER_ACCOUNT, recipient="+15005550006")
    assert DIRECTORY.owner_of(forged) is None


def test_companies_that_share_an_account_are_distinguished_by_recipient() -> None:
    shared = TenantDirectory(
        (
            ACME,
            Tenant(
                "initech", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550008"})
            ),
        )
    )
    owner = shared.owner_of(an_inbound_message(recipient="+15005550008"))
    assert owner is not None
    assert owner.company_id == "initech"


def test_first_company_of_those_that_may_own_a_recipient_owns_it() -> None:
    everywhere = Tenant("everywhere", accounts=frozenset({ACCOUNT}))
    late = replace(ACME, company_id="late", recipients=frozenset({"+15005550006", "+15005550009"}))
    directory = TenantDirectory((GLOBEX, ACME, late, everywhere, replace(late, company_id="last")))
    owners = [
        directory.owner_of(an_inbound_message(recipient=recipient))
        for recipient in ("+15005550006", "+15005550009", "+15005550010")
    ]
    assert owners == [ACME, late, everywhere]
    assert TenantDirectory((everywhere, ACME)).owner_of(an_inbound_message()) is everywhere


def test_account_of_two_companies_names_neither() -> None:
    shared = replace(GLOBEX, accounts=frozenset({ACCOUNT, OTHER_ACCOUNT}))
    directory = TenantDirectory((ACME, shared))
    assert directory.names_of(ACME) == frozenset()
    assert directory.names_of(shared) == {OTHER_ACCOUNT}


def test_owner_is_found_without_a_look_at_each_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Tenant, "lists")
    assert DIRECTORY.owner_of(an_inbound_message()) is ACME


def test_only_company_owns_every_recipient_of_its_accounts() -> None:
    only = TenantDirectory((a_tenant(),))
    assert only.has_one_company
    assert only.owner_of(an_inbound_message(recipient="+15005550123")) is only.tenants[0]
    assert only.owner_of(an_inbound_message(account="AC9")) is None


def test_mail_domain_as_recipient_covers_its_mailboxes() -> None:
    acme = Tenant("acme", recipients=frozenset({"acme.example"}))
    directory = TenantDirectory((acme,))
    assert directory.owner_of_recipient("sales@acme.example") is acme
    assert directory.owner_of_recipient("acme@other.example") is None


def test_owner_of_a_recipient_is_found_without_an_account() -> None:
    assert DIRECTORY.owner_of_recipient("+15005550007") is GLOBEX
    assert DIRECTORY.owner_of_recipient("+15005550099") is None


def test_whatsapp_and_sms_number_are_the_same_recipient() -> None:
    assert DIRECTORY.owner_of(an_inbound_message(ChannelType.WHATSAPP)) is ACME


@pytest.mark.parametrize(
    ("recipients", "expected"),
    [(set(), SERVICE), ({"+15005550006", SERVICE}, SERVICE), ({"+15005550006"}, "+15005550006")],
)
def test_conversation_is_opened_with_a_messaging_service_of_the_company(
    recipients: set[str], expected: str
) -> None:
    keys = ("+15005550006", SERVICE)
    message = replace(an_inbound_message(), recipient=Recipient("+15005550006", keys[0], keys))
    assert Tenant(recipients=frozenset(recipients)).recipient_of(message) == expected


def test_conversation_by_mail_is_opened_with_the_mailbox() -> None:
    mail = an_inbound_message(ChannelType.EMAIL)
    assert Tenant().recipient_of(mail) == mail.recipient.address
