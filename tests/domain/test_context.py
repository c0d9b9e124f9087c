"""The context object says what consumers need."""

from datetime import timedelta

from domain.context import Company, ContextObject
from tests.builders import NOW, a_conversation, a_record, a_tenant


def test_it_carries_the_ids_and_the_state_that_routed_the_message() -> None:
    conversation = a_conversation(hand_off_to_human=True, thread_id="t")
    later = NOW + timedelta(seconds=1)
    context = ContextObject.of(a_record(), conversation, a_tenant(), later)

    assert context.request_id == a_record().request_id
    assert context.conversation.hand_off_to_human
    assert context.conversation.thread_id == "t"
    assert context.message.message_id == "SM00000000000000000000000000000001"
    assert (context.received_at, context.validated_at, context.queued_at) == (NOW, NOW, later)


def test_the_conversation_knows_its_company_better_than_the_directory() -> None:
    tenant = a_tenant(company_id="from-directory", company_name="Directory Inc.")
    context = ContextObject.of(a_record(), a_conversation(company_name=None), tenant, NOW)

    assert context.company == Company("acme", "support", "Directory Inc.", "acme-credentials")


def test_without_a_company_its_fields_are_unknown() -> None:
    unknown = a_conversation(
        company_id=None, project_id=None, company_name=None, credentials_reference=None
    )
    context = ContextObject.of(a_record(), unknown, None, NOW)
    assert context.company == Company(None, None, None, None)
