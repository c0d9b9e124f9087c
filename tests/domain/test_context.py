"""The context object: what consumers receive about a message."""

from datetime import timedelta

from domain.context import Company, ContextObject
from tests.builders import NOW, a_conversation, a_record, a_tenant


def test_context_carries_the_ids_and_the_state_that_routed_the_message() -> None:
    conversation = a_conversation(hand_off_to_human=True, thread_id="t")
    later = NOW + timedelta(seconds=1)
    context = ContextObject.of(a_record(), conversation, a_tenant(), later)

    assert context.request_id == a_record().request_id
    assert context.conversation.hand_off_to_human
    assert context.conversation.thread_id == "t"
    assert context.message.message_id == "SM00000000000000000000000000000001"
    assert (context.received_at, context.validated_at, context.queued_at) == (NOW, NOW, later)


def test_company_of_the_conversation_takes_precedence_over_the_tenant_directory() -> None:
    tenant = a_tenant(company_id="from-directory", company_name="Directory Inc.")
    context = ContextObject.of(a_record(), a_conversation(company_name=None), tenant, NOW)

    assert context.company == Company("acme", "support", "Directory Inc.", "acme-credentials")


def test_context_without_a_company_has_no_company_fields() -> None:
    unknown = a_conversation(
        company_id=None, project_id=None, company_name=None, credentials_reference=None
    )
    context = ContextObject.of(a_record(), unknown, None, NOW)
    assert context.company == Company(None, None, None, None)
