"""Traces of customers and conversations, of webhooks without a record, and of nothing known."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from application.clock import Deadline
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.spool import SpoolEntry
from application.ports.webhook_parser import ParsedMessage, WebhookRequest
from application.tracing import unrecorded
from application.tracing.find_recorded import LATEST
from application.tracing.results import Trace, TraceKind, TraceState
from application.tracing.trace_message import LONGEST
from application.tracing.unrecorded import SEARCH_SECONDS
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError, UnreadableMessageError
from domain.tenants import TenantDirectory
from domain.times import readable
from tests.application.frontdesk import FrontDesk, StubParser
from tests.builders import ACCOUNT, NOW, a_tenant, an_inbound_message, verified

MESSAGE_ID = "SM00000000000000000000000000000001"


def trace(frontdesk: FrontDesk, text: str) -> Trace:
    return frontdesk.container.operations().trace_message()(text)


def receive(frontdesk: FrontDesk, number: int, **changes: object) -> None:
    """Receive message ``number``, a second after the one before."""
    message = an_inbound_message(message_id=f"SM{number}", **changes)  # type: ignore[arg-type]
    frontdesk.advance_clock(1)
    message = replace(message, received_at=frontdesk.now)
    frontdesk.record_message(message, Deadline.after())


def a_webhook(body: bytes) -> WebhookRequest:
    return WebhookRequest("POST", "https://hooks.example/webhooks/sms", (), body, NOW)


def given_dead_letter(
    frontdesk: FrontDesk, body: bytes = b"MessageSid=SM1", kind: str = "bug"
) -> DeadLetter:
    webhook = verified(a_webhook(body))
    dead_letter = DeadLetter(
        f"{kind}-{webhook.id}", DeadLetterKind(kind), "KeyError", 1, NOW, webhook
    )
    frontdesk.dead_letters.store(dead_letter)
    return dead_letter


def unreadable(frontdesk: FrontDesk) -> None:
    frontdesk.parser.parse_error = UnreadableMessageError("the form has no sender")


def test_address_shows_the_latest_messages_wherever_they_are() -> None:
    frontdesk = FrontDesk()
    receive(frontdesk, 1)
    frontdesk.given_conversation()
    for number in range(2, 5):
        receive(frontdesk, number)
    receive(frontdesk, 5, sender="+14155550999")
    found = trace(frontdesk, "+14155550123")
    assert found.kind is TraceKind.ADDRESS
    assert [one.message_id for one in found.messages] == ["SM4", "SM3", "SM2", "SM1"]
    states = {one.message_id: one.conclusion.state for one in found.messages}
    assert (states["SM4"], states["SM1"]) == (TraceState.DELAYED, TraceState.UNMATCHED)
    assert found.sentence.startswith("The latest message: It went to the AI: it is on sms-r")
    name = found.messages[0].request_id
    assert found.notes == (f"'frontdesk trace {name}' shows the whole way of the latest",)


def test_address_says_that_webhooks_were_refused_after_its_latest_message() -> None:
    frontdesk = FrontDesk()
    refusals = frontdesk.container.refusals()
    refusals.add(ChannelType.SMS, ACCOUNT, "signature_mismatch", "https://hooks.example/sms")
    receive(frontdesk, 1)
    assert trace(frontdesk, "+14155550123").notes == ()
    frontdesk.advance_clock(60)
    refusals.add(ChannelType.SMS, ACCOUNT, "signature_mismatch", "https://hooks.example/sms")
    notes = trace(frontdesk, "+14155550123").notes
    assert "webhooks of sms were refused after that: the checks say why" in notes


def test_no_more_than_the_latest_messages_are_traced() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    for number in range(LATEST + 3):
        receive(frontdesk, number)
    for text in ("+14155550123", "conversation-1"):
        found = trace(frontdesk, text)
        assert len(found.messages) == LATEST
        assert found.messages[0].message_id == f"SM{LATEST + 2}"


def test_address_finds_what_waits_in_the_spool() -> None:
    frontdesk = FrontDesk(parser=StubParser(messages=[ParsedMessage(an_inbound_message())]))
    webhook = verified(a_webhook(b"a form"))
    frontdesk.spool.enqueue(SpoolEntry("entry-1", "group", webhook, NOW, "too many at once"))
    frontdesk.advance_clock(300)
    found = trace(frontdesk, "+14155550123")
    (one,) = found.messages
    assert (one.conclusion.state, one.sender) == (TraceState.SPOOLED, "+14155550123")
    assert found.statement.cause == (
        f"It waits in the spool for 5 min (since {readable(NOW)}), safe and not recorded yet: too "
        "many at once."
    )
    assert found.commands == ("frontdesk doctor",)
    assert trace(frontdesk, "+14155550999").kind is TraceKind.UNKNOWN
    assert trace(frontdesk, MESSAGE_ID).messages == found.messages
    assert trace(frontdesk, an_inbound_message().request_id).messages == found.messages


def test_what_failed_in_the_spool_says_why_and_when_it_is_tried_next() -> None:
    frontdesk = FrontDesk(parser=StubParser(messages=[ParsedMessage(an_inbound_message())]))
    webhook = verified(a_webhook(b"a form"))
    frontdesk.spool.enqueue(SpoolEntry("entry-1", "group", webhook, NOW))
    (delivery,) = frontdesk.spool.receive(1, timedelta(minutes=1))
    assert "yet: the log says why. Mend that." in trace(frontdesk, MESSAGE_ID).sentence
    frontdesk.spool.release(delivery, timedelta(minutes=5), "it is locked. End what locks it")
    found = trace(frontdesk, MESSAGE_ID)
    assert (
        "not recorded yet: it is locked. End what locks it. Then it is recorded by itself. "
        in found.sentence
    )
    assert (
        "Attempts until now: 1. The next one is in 5 min "
        f"({readable(NOW + timedelta(minutes=5))})." in found.statement.more
    )
    (one,) = found.messages
    assert one.stations[1].details["reason"] == "it is locked. End what locks it"
    frontdesk.advance_clock(300)
    assert trace(frontdesk, MESSAGE_ID).sentence.endswith("Attempts until now: 1.")


def test_unreadable_webhook_is_found_by_the_provider_id_in_it() -> None:
    frontdesk = FrontDesk()
    unreadable(frontdesk)
    dead_letter = given_dead_letter(frontdesk, kind="unreadable")
    found = trace(frontdesk, "SM1")
    (one,) = found.messages
    assert (one.conclusion.state, one.conclusion.since) == (TraceState.DEAD_LETTER, NOW)
    name = dead_letter.dead_letter_id
    assert "Frontdesk could not read it: KeyError. A proxy" in found.statement.cause
    assert "The log has it under the message's id." in found.statement.more
    verbs = ("show", "delete", "redrive")
    assert found.commands == tuple(f"frontdesk dead-letters {verb} {name}" for verb in verbs)
    assert one.message_id == "SM1"
    by_name = trace(frontdesk, name).messages
    assert by_name == (replace(one, message_id=None),)
    assert trace(frontdesk, name).kind is TraceKind.DEAD_LETTER_ID


@pytest.mark.parametrize(
    "kind", [k for k in DeadLetterKind if k is not DeadLetterKind.UNDELIVERABLE]
)
def test_each_kind_of_dead_letter_says_what_to_do(kind: DeadLetterKind) -> None:
    frontdesk = FrontDesk()
    unreadable(frontdesk)
    name = given_dead_letter(frontdesk, kind=kind).dead_letter_id
    assert f"frontdesk dead-letters redrive {name}" in trace(frontdesk, "SM1").commands


def test_search_of_more_than_it_looks_through_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unrecorded, "MOST_SEARCHED", 1)
    frontdesk = FrontDesk()
    unreadable(frontdesk)
    for body in (b"MessageSid=SM1", b"MessageSid=SM2"):
        given_dead_letter(frontdesk, body)
        webhook = verified(a_webhook(body))
        frontdesk.spool.enqueue(SpoolEntry(webhook.id, webhook.id, webhook, NOW))
    notes = trace(frontdesk, "SM3").notes
    assert any("the spool was searched as far as its latest 1 entries" in note for note in notes)
    assert any("only the latest 1 dead letters were searched" in note for note in notes)


def test_search_that_takes_long_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    frontdesk = FrontDesk()
    for number in range(4):
        given_dead_letter(frontdesk, b"MessageSid=SM%d" % number)
    stored = [*frontdesk.dead_letters.each_dead_letter()]

    def read_slowly(**_: object) -> Iterator[DeadLetter]:
        for dead_letter in stored:
            frontdesk.advance_clock(SEARCH_SECONDS / 2)
            yield dead_letter

    monkeypatch.setattr(frontdesk.dead_letters, "each_dead_letter", read_slowly)
    notes = trace(frontdesk, "SM404").notes
    assert any("only the latest 2 dead letters were searched" in note for note in notes)


def test_webhook_without_a_record_belongs_to_the_company_of_its_account() -> None:
    tenants = (
        a_tenant(company_id="acme", recipients=frozenset({"+15005550001"})),
        a_tenant(company_id="globex", accounts=frozenset({"AC2"})),
    )
    frontdesk = FrontDesk(directory=TenantDirectory(tenants))
    unreadable(frontdesk)
    given_dead_letter(frontdesk)
    (one,) = trace(frontdesk, "SM1").messages
    assert one.company_id == "acme"


def test_mail_is_found_with_its_brackets_or_without() -> None:
    frontdesk = FrontDesk()
    mail = an_inbound_message(ChannelType.EMAIL, message_id="<1@mail.example>")
    frontdesk.record_message(mail, Deadline.after())
    for text in ("<1@mail.example>", "1@mail.example", mail.request_id):
        (one,) = trace(frontdesk, text).messages
        assert one.request_id == mail.request_id


def test_two_mails_with_one_message_id_are_both_recorded() -> None:
    frontdesk = FrontDesk()
    for subject in ("First", "Second"):
        mail = an_inbound_message(ChannelType.EMAIL, message_id="<1@mail.example>")
        mail = replace(mail, subject=subject, content_hash=subject, body=subject)
        frontdesk.record_message(mail, Deadline.after())
    found = trace(frontdesk, "1@mail.example")
    assert {one.subject for one in found.messages} == {"First", "Second"}
    assert found.sentence.startswith(
        "Several different messages carry this id. Each is recorded, and none is lost. The latest"
    )


def test_message_of_any_configured_account_is_found() -> None:
    accounts = frozenset({ACCOUNT, "AC2", "AC3"})
    frontdesk = FrontDesk(directory=TenantDirectory((a_tenant(accounts=accounts),)))
    message = replace(an_inbound_message(ChannelType.WHATSAPP), account="AC3")
    frontdesk.record_message(message, Deadline.after())
    (one,) = trace(frontdesk, MESSAGE_ID).messages
    assert one.request_id == message.request_id


def test_conversation_without_messages_is_known() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    for text, words in (
        ("conversation-1", "Nobody has written"),
        ("+14155550123", "No message from +14155550123 is recorded."),
    ):
        found = trace(frontdesk, text)
        assert (found.messages, found.company_id, found.is_known) == ((), "acme", True)
        assert words in found.sentence
        assert "No webhooks of sms were refused lately either." in found.sentence


def test_conversation_without_messages_shows_what_was_refused() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    refusals = frontdesk.container.refusals()
    refusals.add(ChannelType.EMAIL, "acme", "basic_auth_mismatch", "")
    refusals.add(None, "", "path_unknown", "")
    refusals.add(ChannelType.SMS, "", "too_large", "")
    for text, words in (("conversation-1", "Nobody has written"), ("+14155550123", "No message")):
        found = trace(frontdesk, text)
        assert {one.reason for one in found.refusals} == {"path_unknown", "too_large"}
        assert words in found.statement.more
        assert "It was probably refused" in found.statement.cause
        assert found.notes[-1].startswith("if it was none of these, look in the provider's own")


def test_nothing_known_names_the_latest_refusal_of_its_channel() -> None:
    frontdesk = FrontDesk()
    refusals = frontdesk.container.refusals()
    refusals.add(ChannelType.SMS, ACCOUNT, "signature_mismatch", "https://hooks.example/sms")
    refusals.add(ChannelType.EMAIL, "acme", "signature_missing", "")
    found = trace(frontdesk, MESSAGE_ID)
    assert (found.kind, found.is_known) == (TraceKind.UNKNOWN, False)
    assert [one.channel for one in found.refusals] == [ChannelType.SMS]
    assert "It was probably refused, as a webhook of sms was 0 s ago (" in found.statement.cause
    assert found.statement.more.endswith(" The reason is signature_mismatch.")
    assert found.statement.remedy.startswith("Set PUBLIC_BASE_URL to the part before /webhooks")
    assert found.statement.remedy.endswith(" Then let the customer write again.")
    assert found.notes[-1].startswith("if it was none of these, look in the provider's own log")
    assert [one.channel for one in trace(frontdesk, "<1@mail.example>").refusals] == [
        ChannelType.EMAIL
    ]


def test_refusals_of_strangers_do_not_hide_that_of_a_known_account() -> None:
    frontdesk = FrontDesk()
    refusals = frontdesk.container.refusals()
    refusals.add(ChannelType.SMS, ACCOUNT, "signature_mismatch", "https://hooks.example/sms")
    refusals.add(ChannelType.SMS, "", "account_unknown", "")
    assert " signature_mismatch." in trace(frontdesk, "SM404").sentence


def test_nothing_known_and_nothing_refused_leads_to_the_provider() -> None:
    sentence = trace(FrontDesk(), MESSAGE_ID).sentence
    assert f"Nothing is known of {MESSAGE_ID}: there is no record, no spool entry" in sentence
    assert "Look in the provider's own log for the answer that it got" in sentence


def test_id_of_an_erased_conversation_is_not_said_to_have_never_come() -> None:
    name = "7d013358-8f7a-5054-bf81-912fc7c30fbd"
    found = trace(FrontDesk(), name)
    assert not found.is_known
    assert found.sentence.startswith(f"Nothing is known of {name}. Frontdesk makes ids of this")
    assert "deleted, or erased with its person" in found.sentence


@pytest.mark.parametrize("text", ["", " ", "x" * (LONGEST + 1), "a\x00b", "\ud800", "a\nb"])
def test_text_that_can_be_no_id_is_unknown(text: str) -> None:
    assert not trace(FrontDesk(), text).is_known


def test_trace_takes_nothing_and_changes_nothing() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    receive(frontdesk, 1)
    before = (repr(frontdesk.data), frontdesk.queue.depths())
    for text in ("SM1", "+14155550123", "conversation-1", "unknown"):
        trace(frontdesk, text)
    assert (repr(frontdesk.data), frontdesk.queue.depths()) == before


def test_webhook_in_the_spool_is_found_while_the_store_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frontdesk = FrontDesk(parser=StubParser(messages=[ParsedMessage(an_inbound_message())]))
    webhook = verified(a_webhook(b"a form"))
    frontdesk.spool.enqueue(SpoolEntry("entry-1", "group", webhook, NOW))
    trace_message = frontdesk.container.operations().trace_message()
    for name in ("find_records", "conversations_of"):
        monkeypatch.setattr(trace_message.open_records().lookup, name, fail)
    for text in (MESSAGE_ID, "+14155550123"):
        found = trace_message(text)
        assert [one.conclusion.state for one in found.messages] == [TraceState.SPOOLED]
        assert any("the store could not be asked: no answer" in note for note in found.notes)
    unknown = trace_message("SM404")
    assert unknown.sentence.startswith("It is not known whether SM404 is recorded: no answer.")
    assert unknown.commands == ("frontdesk doctor",)


def test_records_are_shown_while_spool_and_dead_letters_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frontdesk = FrontDesk()
    receive(frontdesk, 1)
    monkeypatch.setattr(frontdesk.spool, "look", fail)
    monkeypatch.setattr(frontdesk.dead_letters, "each_dead_letter", fail)
    monkeypatch.setattr(frontdesk.dead_letters, "get", fail)
    found = trace(frontdesk, "+14155550123")
    assert [one.message_id for one in found.messages] == ["SM1"]
    assert [note for note in found.notes if "could not be searched: no answer" in note] == [
        "the spool could not be searched: no answer",
        "the dead letters could not be searched: no answer",
    ]
    assert not trace(frontdesk, "SM404").is_known


def fail(*_: object, **__: object) -> NoReturn:
    raise StorageUnavailableError("no answer")
