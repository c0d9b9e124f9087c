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
from domain.times import rfc3339
from tests.application.frontdesk import FrontDesk
from tests.builders import ACCOUNT, NOW, a_conversation, a_tenant, an_inbound_message

MESSAGE_ID = "SM00000000000000000000000000000001"
TODAY = f"{NOW:%Y-%m-%d}"
TO_THE_AI = (
    "frontdesk queues read sms-handoff",
    "frontdesk queues move sms-handoff RECEIPT replies",
)
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
    assert by_message.sentence.startswith("It went to the AI: it is on sms-replies")
    (one,) = by_message.messages
    assert (one.request_id, one.company_id) == (message.request_id, "acme")
    assert [station.kind for station in one.stations] == [
        *(StationKind.RECEIVED, StationKind.RECORDED, StationKind.MATCHED),
        *(StationKind.QUEUED, StationKind.WAITING),
    ]
    assert details(one, StationKind.MATCHED)["rule"] == "only"
    assert details(one, StationKind.QUEUED)["delay_seconds"] == 30.0
    assert "Repeats are answered 200, and are in the log as duplicate" in by_message.notes[0]
    assert by_request.notes == ()


def test_delayed_message_says_when_consumers_see_it(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(10)
    conclusion = trace(frontdesk).conclusion
    assert (conclusion.state, conclusion.since) == (TraceState.DELAYED, NOW)
    assert conclusion.sentence == (
        f"It went to the AI: it is on sms-replies, and consumers see it in 20 s ({TODAY} 12:00:30 "
        "UTC). REPLY_DELAY_SECONDS makes it wait 30 s, so that several messages in a row are "
        "answered once."
    )
    assert conclusion.statement.remedy == "", "there is nothing to do"


def test_ready_message_names_the_consumer_that_does_not_run(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(40)
    assert "A consumer takes it next" in trace(frontdesk).conclusion.sentence
    frontdesk.advance_clock(600)
    conclusion = trace(frontdesk).conclusion
    assert conclusion.state is TraceState.READY
    assert (
        f"no consumer has taken it from sms-replies for 10 min (since {TODAY} 12:00:30 UTC)."
        in conclusion.statement.cause
    )
    assert conclusion.statement.remedy == (
        "Check that the consumer of sms-replies runs, and start or repair it."
    )


def test_taken_message_leads_to_the_log_of_the_consumer(frontdesk: FrontDesk) -> None:
    message = receive(frontdesk)
    frontdesk.advance_clock(31)
    frontdesk.queue.receive(REPLIES, 1, visibility=timedelta(minutes=1))
    taken = trace(frontdesk).conclusion
    assert taken.state is TraceState.IN_FLIGHT
    assert (
        "a consumer took it from sms-replies and has not acknowledged it. It may hold it for 60 s "
        f"more (until {TODAY} 12:01:31 UTC)."
    ) in taken.statement.cause
    assert taken.statement.remedy == ""
    (station,) = [one for one in trace(frontdesk).stations if one.kind is StationKind.TAKEN]
    assert (station.at, station.details["receive_count"]) == (None, 1)
    frontdesk.advance_clock(61)
    back = trace(frontdesk).conclusion
    assert back.state is TraceState.READY
    assert "a consumer took it from sms-replies 1 time and did not" in back.statement.cause
    assert "Look in the log of the consumer of sms-replies" in back.statement.remedy
    assert taken.commands == back.commands == ()
    for conclusion in (taken, back):
        assert f"has it under request id {message.request_id}" in conclusion.statement.more


def test_message_that_a_consumer_holds_for_long_says_what_helps_first(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(31)
    frontdesk.queue.receive(REPLIES, 1, visibility=timedelta(hours=12))
    statement = trace(frontdesk).conclusion.statement
    assert statement.remedy == (
        "Answer this customer by hand if 12 h is too long: nothing frees the message before. "
        "Restart the consumer, so that it keeps no other."
    )


def test_acknowledged_message_is_done_for_frontdesk(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(31)
    (delivery,) = frontdesk.queue.receive(REPLIES, 1)
    frontdesk.queue.acknowledge(REPLIES, delivery.receipt)
    traced = trace(frontdesk)
    assert traced.conclusion.state is TraceState.ACKNOWLEDGED
    assert details(traced, StationKind.ACKNOWLEDGED) == {"queue": "sms-replies"}
    assert "a consumer took it from sms-replies and acknowledged it" in traced.conclusion.sentence
    assert traced.conclusion.commands == ()


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
    assert (
        f"it was put on sms-replies 2 min ago ({TODAY} 12:00:00 UTC)" in traced.conclusion.sentence
    )
    assert traced.conclusion.commands == ("frontdesk queues list",)
    assert "This queue does not show what is in it" in traced.conclusion.sentence
    assert details(traced, StationKind.QUEUED)["delay_seconds"] == 30.0


def test_handed_off_message_says_so_and_how_to_end_that(frontdesk: FrontDesk) -> None:
    frontdesk.switch_hand_off("conversation-1", on=True)
    receive(frontdesk)
    traced = trace(frontdesk)
    assert details(traced, StationKind.QUEUED)["reason"] == "hand_off"
    assert traced.conclusion.sentence.startswith(
        "It went to a human, because hand-off is on: it is on sms-handoff"
    )
    remedy = (
        "If a human should answer: check that the consumer of sms-handoff runs. If the AI should: "
        "choose 'AI' under 'Who answers' of the conversation, then move this message."
    )
    assert traced.conclusion.statement.remedy == remedy
    assert f"its RECEIPT, which begins with {traced.request_id}." in traced.conclusion.sentence
    assert traced.conclusion.commands == (
        "frontdesk conversations hand-off conversation-1 off",
        *TO_THE_AI,
    )
    frontdesk.advance_clock(3_900)
    statement = trace(frontdesk).conclusion.statement
    assert statement.remedy == remedy
    assert len(f"{statement.cause} {remedy}".split()) <= 55
    frontdesk.switch_hand_off("conversation-1", on=False)
    conclusion = trace(frontdesk).conclusion
    assert (
        "because hand-off was on when it came: no consumer has taken" in conclusion.statement.cause
    )
    assert conclusion.statement.remedy.startswith("To give it to the AI, move it. ")
    assert conclusion.commands == TO_THE_AI


def test_message_routed_before_the_hand_off_is_left_to_the_human(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.switch_hand_off("conversation-1", on=True)
    assert trace(frontdesk).conclusion.statement.cause.startswith(
        "It went to the AI, because hand-off was switched on only after that: it is on"
    )


def test_moved_message_says_that_it_was_moved(frontdesk: FrontDesk) -> None:
    receive(frontdesk)
    frontdesk.advance_clock(31)
    (delivery,) = frontdesk.queue.receive(REPLIES, 1)
    frontdesk.move_context(delivery.key, QueueKind.HANDOFF)
    traced = trace(frontdesk)
    assert details(traced, StationKind.QUEUED)["publication"] == 2
    assert (
        "because an operator or a consumer moved it from sms-replies 0 s ago "
        f"({TODAY} 12:00:31 UTC): it is on" in traced.conclusion.statement.cause
    )
    assert traced.conclusion.commands == TO_THE_AI


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        (
            {"metadata": {"automated": {"kind": "auto_reply"}}},
            "automated",
            "because it is an automatic reply, and AUTOMATED_MAIL=handoff: it is on",
        ),
        (
            {"author_authenticated": False, "metadata": {"spf": "pass", "dkim": "none"}},
            "unauthenticated_author",
            "no fault of Frontdesk (SPF: passed for another domain, DKIM: no result).",
        ),
        (
            {"metadata": {"regrouping_suspected": True}},
            "regrouping_suspected",
            "from other messages",
        ),
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
        raise QueueRoutingError("there is no queue. Create it")


@pytest.fixture
def blocked() -> FrontDesk:
    """A front desk whose queue takes nothing, with one message."""
    frontdesk = FrontDesk(publisher=Refusing())
    frontdesk.given_conversation()
    receive(frontdesk)
    return frontdesk


def test_pending_message_says_why_and_what_to_mend(blocked: FrontDesk) -> None:
    untried = trace(blocked)
    assert untried.conclusion.sentence == (
        f"It was recorded 0 s ago ({TODAY} 12:00:00 UTC), and is on no queue yet: there is no "
        f"queue. Create it. Then wait: it is tried in 30 s ({TODAY} 12:00:30 UTC). An attempt to "
        f"put it there failed 0 s ago ({TODAY} 12:00:00 UTC). A running server tries it, or "
        "'frontdesk relay' after that time."
    )
    assert untried.conclusion.commands == ("frontdesk doctor",)
    assert details(untried, StationKind.ATTEMPTED)["reason"] == "there is no queue. Create it"
    assert details(untried, StationKind.ATTEMPTED)["attempts"] is None
    blocked.advance_clock(31)
    due = trace(blocked).conclusion
    assert due.statement.remedy == (
        "Create it. Check that the server runs: it tries again within a minute."
    )
    blocked.relay()
    leased = trace(blocked)
    assert details(leased, StationKind.ATTEMPTED)["attempts"] == 1
    assert (
        f"1 attempt to put it there failed, of {MAX_ATTEMPTS} at most. The latest failed 0 s ago "
        f"({TODAY} 12:00:31 UTC)."
    ) in leased.conclusion.statement.more
    blocked.advance_clock(600)
    stuck = trace(blocked).conclusion
    assert (stuck.state, stuck.since) == (TraceState.PENDING, NOW)
    assert f"The next attempt is due for 10 min (since {TODAY} 12:01:01 UTC)." in stuck.sentence
    assert stuck.commands == ("frontdesk doctor", "frontdesk relay")


def test_pending_message_whose_failures_are_not_stored_leads_to_the_log(
    blocked: FrontDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocked.outbox, "add_failure", lambda *_: None)
    receive(blocked, an_inbound_message(message_id="SM2"))
    assert "Trace it again in a minute" in trace(blocked, "SM2").conclusion.sentence
    blocked.advance_clock(31)
    untried = trace(blocked, "SM2").conclusion
    assert (
        "no process has tried again. If it is still here in a minute, the server does not run"
        in untried.sentence
    )
    assert untried.commands == ("frontdesk relay",)
    blocked.relay()
    leased = trace(blocked, "SM2")
    assert (
        f"1 attempt to put it there failed, of {MAX_ATTEMPTS} at most. The log lines with request "
        f"id {leased.request_id} say why. A running server tries it"
    ) in leased.conclusion.sentence


def test_queued_message_still_shows_why_an_attempt_failed_before(blocked: FrontDesk) -> None:
    record = blocked.messages.find_record(an_inbound_message().request_id)
    assert isinstance(record, MessageRecord)
    blocked.outbox.mark_queued(record.request_id, NOW, trail=record.trail)
    assert details(trace(blocked), StationKind.ATTEMPTED) == {
        "attempts": None,
        "lease_until": None,
        "failed_at": rfc3339(NOW),
        "reason": "there is no queue. Create it",
    }


def test_undeliverable_message_says_why_and_names_its_dead_letter(blocked: FrontDesk) -> None:
    for _ in range(MAX_ATTEMPTS + 1):
        blocked.advance_clock(601)
        blocked.relay()
    traced = trace(blocked)
    assert traced.conclusion.state is TraceState.UNDELIVERABLE
    assert (
        f"It could not be put on its queue in {MAX_ATTEMPTS} attempts: there is no queue."
        == traced.conclusion.statement.cause
    )
    assert traced.conclusion.statement.remedy == "Create it. Then redrive the message."
    assert "The latest attempt failed 10 min ago" in traced.conclusion.statement.more
    name = f"undeliverable-{traced.request_id}"
    dead_letter = details(traced, StationKind.DEAD_LETTER)
    assert dead_letter["dead_letter_id"] == name
    assert dead_letter["reason"] == (
        "it could not be put on its queue: there is no queue. Create it"
    )
    assert traced.conclusion.commands == (
        "frontdesk doctor",
        f"frontdesk dead-letters redrive {name}",
    )
    assert "It was tried 100 times. It could not be put on its queue: there is no queue. " in (
        trace(blocked, name).conclusion.sentence
    )
    blocked.dead_letters.delete(name)
    assert "nothing publishes it any more" in trace(blocked).conclusion.sentence


def test_erased_message_is_only_a_key(frontdesk: FrontDesk) -> None:
    message = receive(frontdesk)
    record = frontdesk.messages.find_record(message.request_id)
    assert isinstance(record, MessageRecord)
    frontdesk.retention.erase(RetainedMessage.of(record))
    traced = trace(frontdesk)
    assert (traced.conclusion.state, traced.sender) == (TraceState.ERASED, None)
    assert "an operator erased the person, or MESSAGE_RETENTION_DAYS were over" in (
        traced.conclusion.sentence
    )


OPEN = (
    "frontdesk conversations open --channel sms --sender +14155550123 --recipient +15005550006",
    "frontdesk unmatched redrive",
)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            None,
            "+14155550123 has no open conversation with +15005550006. Open a conversation, then",
        ),
        (
            a_conversation(conversation_status=CLOSED),
            "+15005550006. Theirs is closed, and no message opens it again. Reopen it, or open "
            "another one, then deliver the message. The conversation of its sender is "
            "conversation-1. The fallback was sent ",
        ),
        (
            a_conversation(recipient_id="+15005550099"),
            "+15005550006, only with +15005550099. Open a conversation with +15005550006, then",
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
    assert traced.conclusion.commands == OPEN


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "STOP",
            "No fallback was sent: its text is STOP, START or HELP, which the provider handles.",
        ),
        ("Hello?", "had got one before, and FALLBACK_WINDOW_SECONDS allows one in 24 h."),
    ],
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
    conclusion = trace(frontdesk).conclusion
    assert "Now there is one. Deliver the message. Its conversation is conversation-1." in (
        conclusion.sentence
    )
    assert conclusion.commands == ("frontdesk unmatched redrive",)
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
    assert (
        f"account {ACCOUNT} of company acme delivered it, but by TENANTS {number} belongs to "
        f"company globex, which has no account of this channel. If {number} is meant for company "
        "globex, move it at the provider to an account of that company. If not, correct TENANTS."
    ) in traced.conclusion.sentence
    assert traced.conclusion.commands == ("frontdesk unmatched redrive",)
    assert traced.company_id is None


def test_message_of_an_account_that_is_not_configured_any_more_names_those_that_are() -> None:
    frontdesk = FrontDesk(directory=TenantDirectory((a_tenant(accounts=frozenset({"AC2"})),)))
    message = receive(frontdesk)
    sentence = trace(frontdesk, message.request_id).conclusion.sentence
    assert f"account {ACCOUNT} delivered it, and is not configured now. Configured are: AC2." in (
        sentence
    )


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
    assert "Its own was closed or deleted before it was on a queue" in traced.conclusion.sentence


def test_message_that_left_its_queue_without_a_trace_leads_to_the_consumer(
    frontdesk: FrontDesk,
) -> None:
    receive(frontdesk)
    frontdesk.queue._entries.clear()
    conclusion = trace(frontdesk).conclusion
    assert conclusion.state is TraceState.QUEUED
    assert (
        "and is not there any more. If the customer got no answer, look in the log of"
        in conclusion.sentence
    )


def test_message_of_a_deleted_conversation_says_so(frontdesk: FrontDesk) -> None:
    frontdesk.switch_hand_off("conversation-1", on=True)
    receive(frontdesk)
    frontdesk.retention.erase_conversation(a_conversation().key)
    traced = trace(frontdesk)
    assert details(traced, StationKind.MATCHED)["is_deleted"] is True
    assert (
        "because hand-off was on for its conversation, which is deleted now: "
        in traced.conclusion.sentence
    )


def test_conversation_of_another_company_is_not_named() -> None:
    acme = a_tenant(company_id="acme", credentials_reference="acme-credentials")
    frontdesk = FrontDesk(directory=TenantDirectory((acme,)))
    others = a_conversation(company_id="globex", conversation_id="of-globex")
    frontdesk.conversations.open_conversation(others)
    receive(frontdesk)
    traced = trace(frontdesk)
    assert "+14155550123 has no open conversation with +15005550006" in traced.conclusion.sentence
    assert "of-globex" not in str(traced)
