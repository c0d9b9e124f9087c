"""The conversation that a message joins, and what the message changes in it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.channels import ChannelType
from domain.conversations import CLOSED, Conversation, choose_conversation
from domain.messages import InboundMessage, Recipient
from domain.tenants import Tenant, TenantDirectory
from domain.trail import MatchRule
from tests.builders import ACCOUNT, NOW, a_conversation, a_tenant, an_inbound_message

EMAIL, WHATSAPP = ChannelType.EMAIL, ChannelType.WHATSAPP


def chosen(
    *candidates: Conversation,
    message: InboundMessage | None = None,
    tenant: Tenant | None = None,
    only_company: bool = True,
    others: tuple[Tenant, ...] = (Tenant("globex", recipients=frozenset({"+15005550007"})),),
) -> str | None:
    owner = tenant or a_tenant()
    directory = TenantDirectory((owner,) if only_company else (owner, *others))
    conversation, _ = choose_conversation(
        candidates, message or an_inbound_message(), owner, directory
    )
    return conversation.conversation_id if conversation else None


def test_a_message_joins_the_conversation_of_its_sender_and_recipient() -> None:
    assert chosen(a_conversation()) == "conversation-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"conversation_status": CLOSED},
        {"primary_channel": WHATSAPP},
        {"recipient_id": "+15005550099"},
        {"recipient_id": "not an address at all \x00"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_message_does_not_join_a_conversation_that_differs(changes: dict[str, Any]) -> None:
    assert chosen(a_conversation(**changes)) is None


@pytest.mark.parametrize("status", ["active", "user_reply_received", "waiting", "anything"])
def test_conversation_with_any_status_but_closed_is_open(status: str) -> None:
    assert chosen(a_conversation(conversation_status=status)) == "conversation-1"


def test_conversation_of_a_messaging_service_receives_only_messages_of_that_service() -> None:
    service = "MG" + "1" * 32
    through = replace(
        an_inbound_message(),
        recipient=Recipient("+15005550006", "+15005550006", ("+15005550006", service)),
    )
    assert chosen(a_conversation(recipient_id=service), message=through) == "conversation-1"
    assert chosen(a_conversation(recipient_id=service), message=an_inbound_message()) is None


@pytest.mark.parametrize(
    "theirs", [{"company_id": "globex"}, {"credentials_reference": "globex-credentials"}]
)
def test_message_never_joins_a_conversation_of_another_company(theirs: dict[str, Any]) -> None:
    tenant = a_tenant(company_id="acme", credentials_reference="acme-credentials")
    assert chosen(a_conversation(**theirs), tenant=tenant) is None
    assert chosen(a_conversation(), tenant=tenant) == "conversation-1"


def test_conversation_without_recipient_is_joined_only_if_there_is_one_company() -> None:
    record = a_conversation(recipient_id=None)
    assert chosen(record, only_company=True) == "conversation-1"
    assert chosen(record, only_company=False) is None


@pytest.mark.parametrize("reference", ["acme-credentials", ACCOUNT])
def test_conversation_without_recipient_is_joined_by_the_account_it_names(reference: str) -> None:
    record = a_conversation(recipient_id=None, company_id=None, credentials_reference=reference)
    named = "acme-credentials" if reference == "acme-credentials" else None
    tenant = a_tenant(credentials_reference=named)
    assert chosen(record, tenant=tenant, only_company=False) == "conversation-1"


def test_shared_account_does_not_identify_a_company() -> None:
    record = a_conversation(recipient_id=None, company_id=None, credentials_reference=ACCOUNT)
    sharing = Tenant("globex", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+1500"}))
    assert chosen(record, only_company=False, others=(sharing,)) is None


def test_conversation_without_recipient_and_credentials_is_not_joined() -> None:
    record = a_conversation(recipient_id=None, credentials_reference=None)
    assert chosen(record, tenant=a_tenant(credentials_reference=None), only_company=False) is None


def test_reply_by_mail_joins_the_conversation_of_its_thread() -> None:
    older = a_conversation(
        EMAIL, conversation_id="older", thread_id="<t@example.com>", last_activity_at=NOW
    )
    newer = a_conversation(
        EMAIL, conversation_id="newer", last_activity_at=NOW + timedelta(seconds=1)
    )
    reply = an_inbound_message(EMAIL, thread_references=("<t@example.com>", "<u@example.com>"))

    assert chosen(older, newer, message=reply) == "older"
    assert chosen(older, newer, message=an_inbound_message(EMAIL)) == "newer"


def test_conversation_with_the_recipient_wins_over_one_with_later_activity() -> None:
    exact = a_conversation(conversation_id="exact")
    open_to_all = a_conversation(conversation_id="any", recipient_id=None, last_activity_at=NOW)
    assert chosen(open_to_all, exact) == "exact"


def test_choice_of_conversation_does_not_depend_on_the_order_of_candidates() -> None:
    one, two = a_conversation(conversation_id="a"), a_conversation(conversation_id="b")
    assert chosen(one, two) == chosen(two, one)


def test_received_message_changes_status_times_and_last_message() -> None:
    after = a_conversation(recipient_id=None).received(an_inbound_message())

    assert after.conversation_status == "user_reply_received"
    assert after.last_user_message_at == after.last_activity_at == NOW
    assert after.recipient_id == "+15005550006"
    assert after.last_message is not None
    assert after.last_message.content == "Is my order on its way?"


@pytest.mark.parametrize("seconds", [0, 1])
def test_message_that_is_not_later_changes_nothing_in_the_conversation(seconds: int) -> None:
    seen = a_conversation(last_user_message_at=NOW + timedelta(seconds=seconds))
    assert seen.received(an_inbound_message()) is seen


def rule_of(*candidates: Conversation, message: InboundMessage | None = None) -> MatchRule:
    directory = TenantDirectory((a_tenant(),))
    _, rule = choose_conversation(
        candidates, message or an_inbound_message(), a_tenant(), directory
    )
    return rule


def test_rule_says_why_a_conversation_was_chosen() -> None:
    with_recipient = a_conversation(conversation_id="a")
    open_to_all = a_conversation(conversation_id="b", recipient_id=None)
    assert rule_of() is MatchRule.NO_CONVERSATION
    assert rule_of(with_recipient) is MatchRule.ONLY
    assert rule_of(with_recipient, open_to_all) is MatchRule.RECIPIENT
    other = replace(with_recipient, conversation_id="c", last_activity_at=NOW)
    assert rule_of(with_recipient, other, open_to_all) is MatchRule.LATEST


def test_rule_of_a_mail_is_its_thread_only_if_that_decides() -> None:
    reply = an_inbound_message(EMAIL, thread_references=("<t@example.com>",))
    named = a_conversation(EMAIL, conversation_id="a", thread_id="<t@example.com>")
    other = a_conversation(EMAIL, conversation_id="b", last_activity_at=NOW)
    assert rule_of(named, other, message=reply) is MatchRule.THREAD
    also_named = replace(named, conversation_id="c", last_activity_at=NOW)
    assert rule_of(named, also_named, message=reply) is MatchRule.LATEST
