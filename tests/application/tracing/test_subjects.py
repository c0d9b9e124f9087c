"""What an operator types or pastes is read as what it stands for."""

import pytest

from application.clock import Deadline
from application.tracing.results import Trace, TraceKind
from domain.channels import ChannelType
from domain.tenants import TenantDirectory
from tests.application.frontdesk import FrontDesk
from tests.builders import ACCOUNT, a_tenant, an_inbound_message


def trace(frontdesk: FrontDesk, text: str) -> Trace:
    return frontdesk.container.operations().trace_message()(text)


@pytest.mark.parametrize(
    "text",
    [
        "+1 415 555 0123",
        "+1-415-555-0123",
        "+1 (415) 555\u20110123",
        "001 415 555 0123",
        "14155550123",
        "whatsapp: +1 415 555 0123",
        "\u202a+1\u00a0415\u00a0555\u00a00123\u202c",
        '"+14155550123",',
    ],
)
def test_telephone_number_is_found_however_it_is_written(text: str) -> None:
    frontdesk = FrontDesk()
    frontdesk.record_message(an_inbound_message(), Deadline.after())
    found = trace(frontdesk, text)
    assert (found.kind, found.traced) == (TraceKind.ADDRESS, "+14155550123")
    assert found.notes[-1].endswith(" was read as +14155550123")


@pytest.mark.parametrize(
    "text", ["sm2aabfd676db54893aba083850c904bb4", "SM2AABFD676DB54893ABA083850C904BB4,"]
)
def test_id_of_twilio_is_found_however_it_is_written(text: str) -> None:
    frontdesk = FrontDesk()
    message = an_inbound_message(message_id="SM2aabfd676db54893aba083850c904bb4")
    frontdesk.record_message(message, Deadline.after())
    found = trace(frontdesk, text)
    assert (found.kind, found.traced) == (TraceKind.MESSAGE_ID, message.provider_message_id)
    by_request_id = trace(frontdesk, f"({message.request_id}).")
    assert by_request_id.messages == found.messages


def test_exact_name_comes_before_what_it_is_like() -> None:
    frontdesk = FrontDesk()
    frontdesk.record_message(an_inbound_message(), Deadline.after())
    frontdesk.given_conversation(conversation_id="14155550123")
    found = trace(frontdesk, "14155550123")
    assert (found.kind, found.notes) == (TraceKind.CONVERSATION_ID, ())


def test_what_was_looked_for_is_said_of_what_is_unknown() -> None:
    sentence = trace(FrontDesk(), "(415) 555-0177").sentence
    assert sentence.startswith(
        "Nothing is known of (415) 555-0177 or of +4155550177: there is no record, no spool entry"
    )


def test_address_that_customers_write_to_is_told_from_a_customers() -> None:
    frontdesk = FrontDesk()
    own = an_inbound_message().recipient.address
    found = trace(frontdesk, own)
    assert found.sentence.startswith(f"Nothing is known of {own}: there is no record")
    frontdesk.record_message(an_inbound_message(), Deadline.after())
    found = trace(frontdesk, own)
    assert (found.is_known, found.commands) == (False, ("frontdesk unmatched list",))
    assert found.sentence == (
        f"{own} is one of your own addresses, which customers write to. Trace the address of the "
        "customer, or the id of the message. 1 unmatched message was sent to it."
    )


@pytest.mark.parametrize("text", ["+15005550006", "(1) 500 555 0006", "Help@acme.example"])
def test_address_that_a_company_lists_is_its_own_without_a_message(text: str) -> None:
    acme = a_tenant(recipients=frozenset({"+15005550006", "acme.example"}))
    found = trace(FrontDesk(directory=TenantDirectory((acme,))), text)
    assert "is one of your own addresses, which customers write to." in found.sentence
    assert (found.is_known, found.commands, found.refusals) == (False, (), ())


@pytest.mark.parametrize("text", ["hello", "order 4711", "+"])
def test_what_is_neither_id_nor_address_gets_no_advice_about_providers(text: str) -> None:
    frontdesk = FrontDesk()
    frontdesk.container.refusals().add(ChannelType.SMS, ACCOUNT, "signature_mismatch", "")
    found = trace(frontdesk, text)
    assert (found.is_known, found.refusals, found.notes) == (False, (), ())
    assert found.sentence == (
        f"Nothing is known of {text}. It has the form of no id and of no address. Trace a "
        "provider's message id, a request id, the id of a conversation or of a dead letter, or a "
        "customer's address. A telephone number begins with + and its country code, as "
        "+14155550123."
    )


@pytest.mark.parametrize(
    ("text", "is_told"),
    [("(415) 555-0177", True), ("4155550177", True), ("+4155550177", False), ("555", False)],
)
def test_number_without_a_country_code_is_told(text: str, is_told: bool) -> None:
    notes = trace(FrontDesk(), text).notes
    told = f"{text} may lack its country code: try it as +1 {text}, for example"
    assert (told in notes) == is_told
