"""The trace of a message that is recorded: its stations, and where the conclusion says it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.clock import Deadline
from application.ports.context_queue import ContextReader
from application.tracing.results import MessageTrace, StationKind, TraceKind, TraceState
from domain.channels import ChannelType
from domain.conversations import CLOSED, Conversation
from domain.erasure import RetainedMessage
from domain.errors import QueueRoutingError
from domain.messages import MAX_ATTEMPTS, InboundMessage, MessageRecord, Recipient
from domain.queues import QueueKind, QueueName
from domain.tenants import TenantDirectory
from tests.application.frontdesk import FrontDesk
from tests.builders import ACCOUNT, NOW, a_conversation, a_tenant, an_inbound_message

MESSAGE_ID = "SM00000000000000000000000000000001"
REPLIES = QueueName(ChannelType.SMS, QueueKind.REPLIES)
HANDOFF = QueueName(ChannelType.SMS, QueueKind.HANDOFF)


def receive(frontdesk: FrontDesk, message: InboundMessage | None = None) -> InboundMessage:
    message = message or an_inbound_message()
    frontdesk.record_message(message, Deadline.after())
    return message


def trace(frontdesk: FrontDesk, text: str = MESSAGE_ID) -> MessageTrace:
    """The trace of the one message that ``text`` leads to."""
    found = frontdesk.container.operations().trace_message()(text)
    (one,) = found.messages
    assert found.is_known
    assert one.conclusion.sentence in found.sentence
    return one


@pytest.fixture
def frontdesk() -> FrontDesk:
    """A front desk that knows the sender."""
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    return frontdesk


def details(traced: MessageTrace, kind: StationKind) -> dict[str, object]:
    (station,) = [one for one in traced.stations if one.kind is kind]
    return dict(station.details)


def test_trace_is_found_by_the_ids_of_message_and_request(frontdesk: FrontDesk) -> None:
    message = receive(frontdesk)
    trace_message = frontdesk.container.operations().trace_message()
    by_message, by_request = (trace_message(text) for text in (MESSAGE_ID, message.request_id))
    assert (by_message.kind, by_request.kind) == (TraceKind.MESSAGE_ID, TraceKind.REQUEST_ID)
    assert by_message.messages == by_request.messages
    (one,) = by_message.messages
    assert (one.request_id, one.company_id) == (message.request_id, "acme")
    assert [station.kind for station in one.stations] == [
        *(StationKind.RECEIVED, StationKind.RECORDED, StationKind.MATCHED),
        *(StationKind.QUEUED, StationKind.WAITING),
    ]
    assert details(one, StationKind.MATCHED)["rule"] == "only"
    assert details(one, StationKind.QUEUED)["delay_seconds"] == 30.0
    assert "later ones are in the log alone" in by_message.notes[0]


def test_delayed_message_says_when_consumers_see_it(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(10)
    conclusion = trace(frontdesk).conclusion
    assert (conclusion.state, conclusion.since) == (TraceState.DELAYED, NOW)
    assert (
        "on sms-replies, and consumers see it from 12:00:30 UTC on (in 20 s)" in conclusion.sentence
    )


def test_ready_message_names_the_consumer_that_does_not_run(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(40)
    assert "a consumer takes it next" in trace(frontdesk).conclusion.sentence
    frontdesk.advance_clock(600)
    conclusion = trace(frontdesk).conclusion
    assert conclusion.state is TraceState.READY
    assert "no consumer has taken it since 12:00:30 UTC (10 min ago)" in conclusion.sentence
    assert "check that the consumer of sms-replies runs" in conclusion.sentence


def test_taken_message_leads_to_the_log_of_the_consumer(frontdesk: FrontDesk) -> None:
    message = receive(frontdesk)
    frontdesk.advance_clock(31)
    frontdesk.queue.receive(REPLIES, 1, visibility=timedelta(minutes=1))
    taken = trace(frontdesk).conclusion
    assert taken.state is TraceState.IN_FLIGHT
    assert "for the first time, and has until 12:01:31 UTC" in taken.sentence
    frontdesk.advance_clock(61)
    back = trace(frontdesk).conclusion
    assert back.state is TraceState.READY
    assert "a consumer took it 1 time and did not acknowledge it" in back.sentence
    for conclusion in (taken, back):
        assert f"look for request id {message.request_id}" in conclusion.sentence


def test_acknowledged_message_is_done_for_frontdesk(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(31)
    (delivery,) = frontdesk.queue.receive(REPLIES, 1)
    frontdesk.queue.acknowledge(REPLIES, delivery.receipt)
    traced = trace(frontdesk)
    assert traced.conclusion.state is TraceState.ACKNOWLEDGED
    assert details(traced, StationKind.ACKNOWLEDGED) == {"queue": "sms-replies"}
    assert "A consumer took it from sms-replies and acknowledged it" in traced.conclusion.sentence


class Hidden(ContextReader):
    """A queue that shows nothing."""

    depths = receive = acknowledge = None  # type: ignore[assignment]


def test_queue_that_shows_nothing_is_named_with_the_delay(frontdesk: FrontDesk) -> None:
    message = receive(frontdesk)
    record = frontdesk.messages.find_record(message.request_id)
    assert isinstance(record, MessageRecord)
    use_case = frontdesk.container.operations().trace_message().open_records().trace_record
    frontdesk.advance_clock(120)
    traced = replace(use_case, queue=Hidden())(record)
    assert (traced.conclusion.state, traced.conclusion.since) == (TraceState.QUEUED, NOW)
    assert "It was put on sms-replies at 12:00:00 UTC (2 min ago)" in traced.conclusion.sentence
    assert "This queue does not show what is in it" in traced.conclusion.sentence
    assert details(traced, StationKind.QUEUED)["delay_seconds"] == 30.0


def test_handed_off_message_says_so_and_how_to_end_that(frontdesk: FrontDesk) -> None:
    frontdesk.switch_hand_off("conversation-1", on=True)
    receive(frontdesk)
    traced = trace(frontdesk)
    assert details(traced, StationKind.QUEUED)["reason"] == "hand_off"
    assert "on sms-handoff (a human answers this conversation; 'frontdesk conversations " in (
        traced.conclusion.sentence
    )
    frontdesk.switch_hand_off("conversation-1", on=False)
    assert "hand-off is off by now" in trace(frontdesk).conclusion.sentence


def test_message_routed_before_the_hand_off_is_left_to_the_human(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.switch_hand_off("conversation-1", on=True)
    assert "hand-off was switched on after it was routed" in trace(frontdesk).conclusion.sentence


def test_moved_message_says_that_it_was_moved(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(31)
    (delivery,) = frontdesk.queue.receive(REPLIES, 1)
    frontdesk.move_context(delivery.key, QueueKind.HANDOFF)
    traced = trace(frontdesk)
    assert details(traced, StationKind.QUEUED)["publication"] == 2
    assert "on sms-handoff (it was moved there from the other queue)" in traced.conclusion.sentence


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"metadata": {"automated": {"kind": "auto_reply"}}}, "automated", "(auto_reply)"),
        ({"author_authenticated": False}, "unauthenticated_author", "is not authenticated"),
        ({"metadata": {"regrouping_suspected": True}}, "regrouping_suspected", "another message"),
    ],
)
def test_message_that_needs_a_human_says_why(
    changes: dict[str, object], reason: str, words: str
) -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation(ChannelType.EMAIL)
    mail = an_inbound_message(ChannelType.EMAIL, message_id="<1@mail.example>")
    receive(frontdesk, replace(mail, **changes))  # type: ignore[arg-type]
    traced = trace(frontdesk, "1@mail.example")
    assert details(traced, StationKind.QUEUED)["reason"] == reason
    assert words in traced.conclusion.sentence


class Refusing:
    """A queue that takes nothing."""

    def publish(self, *_: object) -> None:
        raise QueueRoutingError("no queue")


@pytest.fixture
def blocked() -> FrontDesk:
    """A front desk whose queue takes nothing, with one message."""
    frontdesk = FrontDesk(publisher=Refusing())
    frontdesk.given_conversation()
    receive(frontdesk)
    return frontdesk


def test_pending_message_says_what_to_mend(blocked: FrontDesk) -> None:
    assert "trace it again in half a minute" in trace(blocked).conclusion.sentence
    blocked.advance_clock(31)
    blocked.relay()
    leased = trace(blocked)
    assert details(leased, StationKind.ATTEMPTED)["attempts"] == 1
    assert f"attempt 1 of {MAX_ATTEMPTS}, which ends at 12:01:01 UTC" in leased.conclusion.sentence
    blocked.advance_clock(600)
    stuck = trace(blocked).conclusion
    assert (stuck.state, stuck.since) == (TraceState.PENDING, NOW)
    assert "was tried again 1 of 100 times" in stuck.sentence
    assert "'frontdesk relay' publishes it" in stuck.sentence


def test_undeliverable_message_names_its_dead_letter(blocked: FrontDesk) -> None:
    for _ in range(MAX_ATTEMPTS + 1):
        blocked.advance_clock(601)
        blocked.relay()
    traced = trace(blocked)
    assert traced.conclusion.state is TraceState.UNDELIVERABLE
    name = f"undeliverable-{traced.request_id}"
    assert details(traced, StationKind.DEAD_LETTER)["dead_letter_id"] == name
    assert f"'frontdesk dead-letters redrive {name}' publishes it" in traced.conclusion.sentence
    blocked.dead_letters.delete(name)
    assert "nothing publishes it any more" in trace(blocked).conclusion.sentence


def test_erased_message_is_only_a_key(frontdesk: FrontDesk) -> None:
    message = receive(frontdesk)
    record = frontdesk.messages.find_record(message.request_id)
    assert isinstance(record, MessageRecord)
    frontdesk.retention.erase(RetainedMessage.of(record))
    traced = trace(frontdesk)
    assert (traced.conclusion.state, traced.sender) == (TraceState.ERASED, None)
    assert "only its key is left" in traced.conclusion.sentence


OPEN = (
    "'frontdesk conversations open --channel sms --sender +14155550123 --recipient +15005550006' "
    "opens one, then 'frontdesk unmatched redrive' delivers it."
)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (None, "+14155550123 has no open conversation with +15005550006 (the sender got the "),
        (a_conversation(conversation_status=CLOSED), "+15005550006, for conversation-1 is closed"),
        (
            a_conversation(recipient_id="+15005550099"),
            "+15005550006, only conversation-1 with +15005550099",
        ),
    ],
    ids=["none", "closed", "another recipient"],
)
def test_unmatched_message_says_which_conversation_is_missing(
    other: Conversation | None, words: str
) -> None:
    frontdesk = FrontDesk()
    if other:
        frontdesk.conversations.open_conversation(other)
    receive(frontdesk)
    traced = trace(frontdesk)
    assert traced.conclusion.state is TraceState.UNMATCHED
    assert details(traced, StationKind.UNMATCHED) == {"rule": "no_conversation"}
    assert details(traced, StationKind.FALLBACK) == {"result": "sent", "reason": None}
    assert words in traced.conclusion.sentence
    assert traced.conclusion.sentence.endswith(OPEN)


@pytest.mark.parametrize(
    ("body", "words"),
    [("STOP", "one of the words STOP"), ("Hello?", "no second one within the same window")],
)
def test_unmatched_message_says_why_there_was_no_fallback(body: str, words: str) -> None:
    frontdesk = FrontDesk()
    receive(frontdesk, an_inbound_message(message_id="SM1", body="First"))
    receive(frontdesk, an_inbound_message(body=body))
    assert words in trace(frontdesk).conclusion.sentence


def test_message_whose_conversation_was_opened_since_only_needs_a_redrive() -> None:
    frontdesk = FrontDesk()
    receive(frontdesk)
    frontdesk.given_conversation()
    sentence = trace(frontdesk).conclusion.sentence
    assert "now there is conversation-1: 'frontdesk unmatched redrive' delivers it" in sentence
    assert [*frontdesk.redrive()]
    redriven = trace(frontdesk)
    assert details(redriven, StationKind.MATCHED)["rule"] == "redriven"
    assert details(redriven, StationKind.FALLBACK)["result"] == "sent"
    assert redriven.conclusion.state in {TraceState.READY, TraceState.DELAYED}


def test_message_of_a_foreign_recipient_names_the_tenants() -> None:
    other = a_tenant(company_id="globex", recipients=frozenset({"+15005550007"}))
    ours = replace(other, company_id="acme", recipients=frozenset({"+15005550001"}))
    frontdesk = FrontDesk(directory=TenantDirectory((ours, replace(other, accounts=frozenset()))))
    message = an_inbound_message()
    number = "+15005550007"
    receive(frontdesk, replace(message, recipient=Recipient(number, number, (number,))))
    traced = trace(frontdesk)
    assert f"account {ACCOUNT} delivered it for {number}, which is another company's by the " in (
        traced.conclusion.sentence
    )
    assert traced.company_id is None


def test_message_of_a_list_that_hides_its_author_needs_a_human() -> None:
    frontdesk = FrontDesk()
    metadata = {"rewritten_from": "list@lists.example"}
    mail = an_inbound_message(ChannelType.EMAIL, sender="list@lists.example", metadata=metadata)
    receive(frontdesk, mail)
    sentence = trace(frontdesk, mail.request_id).conclusion.sentence
    assert "a mailing list sent it without its author's address" in sentence


def test_message_whose_conversation_was_closed_while_it_was_pending_says_so(
    blocked: FrontDesk,
) -> None:
    blocked.data.conversations.clear()
    blocked.data.senders.clear()
    blocked.advance_clock(31)
    blocked.relay()
    traced = trace(blocked)
    assert traced.conclusion.state is TraceState.UNMATCHED
    assert "its own was closed or deleted before it was on a queue" in traced.conclusion.sentence


def test_message_that_left_its_queue_without_a_trace_leads_to_the_consumer(
    frontdesk: FrontDesk,
) -> None:
    receive(frontdesk)
    frontdesk.queue._entries.clear()
    conclusion = trace(frontdesk).conclusion
    assert conclusion.state is TraceState.QUEUED
    assert "and it is not there any more: look for request id" in conclusion.sentence


def test_message_of_a_deleted_conversation_says_so(frontdesk: FrontDesk) -> None:
    frontdesk.switch_hand_off("conversation-1", on=True)
    receive(frontdesk)
    frontdesk.retention.erase_conversation(a_conversation().key)
    traced = trace(frontdesk)
    assert details(traced, StationKind.MATCHED)["is_deleted"] is True
    assert "was handed off to a human, and is deleted now" in traced.conclusion.sentence


def test_conversation_of_another_company_is_not_named() -> None:
    acme = a_tenant(company_id="acme", credentials_reference="acme-credentials")
    frontdesk = FrontDesk(directory=TenantDirectory((acme,)))
    others = a_conversation(company_id="globex", conversation_id="of-globex")
    frontdesk.conversations.open_conversation(others)
    receive(frontdesk)
    traced = trace(frontdesk)
    assert "+14155550123 has no open conversation with +15005550006" in traced.conclusion.sentence
    assert "of-globex" not in str(traced)
