"""Redriving dead letters, also after failures and by several operators at once."""

from dataclasses import replace

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.receiving.record_message import RecordOutcome
from application.recovery.redrive_dead_letters import RedriveOutcome
from application.recovery.relay_outbox import RelayOutcome
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError, UnreadableMessageError
from domain.messages import MAX_ATTEMPTS, MessageRecord
from domain.routing import MailPolicy
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_messages import MemoryMessageStore
from tests.application.frontdesk import FrontDesk
from tests.application.recovery.test_relay_outbox import UnsteadyQueue
from tests.builders import NOW, an_inbound_message
from tests.contracts.concurrency import at_once


def the_dead_letter(frontdesk: FrontDesk) -> DeadLetter:
    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    return dead_letter


def dead_lettered(frontdesk: FrontDesk, error: Exception) -> DeadLetter:
    """The dead letter of a message whose parsing raises ``error``."""
    frontdesk.parser.parse_error = error
    frontdesk.receive(an_inbound_message())
    return the_dead_letter(frontdesk)


@pytest.fixture
def frontdesk() -> FrontDesk:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    return frontdesk


@pytest.mark.parametrize(
    "error", [UnreadableMessageError("MessageSid is missing"), ZeroDivisionError("a bug")]
)
def test_redriven_dead_letter_becomes_a_message_after_the_code_is_fixed(
    frontdesk: FrontDesk, error: Exception
) -> None:
    dead_letter = dead_lettered(frontdesk, error)
    frontdesk.parser.parse_error = None
    frontdesk.advance_clock(seconds=7200)
    redriven = frontdesk.redrive_dead_letter(dead_letter)
    assert redriven.outcome is RedriveOutcome.RECEIVED
    assert [receipt.outcome for receipt in redriven.receipts] == [RecordOutcome.RECORDED]
    assert len(frontdesk.queued()["sms-replies"]) == 1
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_redrive_does_not_verify_the_signature_again(frontdesk: FrontDesk) -> None:
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = None
    frontdesk.parser.validation_error = AssertionError("nobody may ask")
    assert frontdesk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.RECEIVED


def test_dead_letter_that_fails_again_is_stored_with_the_new_reason(frontdesk: FrontDesk) -> None:
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError("a bug"))
    frontdesk.parser.parse_error = UnreadableMessageError("From is missing")
    redriven = frontdesk.redrive_dead_letter(dead_letter)
    assert redriven.outcome is RedriveOutcome.FAILED
    assert redriven.dead_letter == replace(dead_letter, attempts=2, reason="From is missing")
    assert the_dead_letter(frontdesk) == redriven.dead_letter


def test_reason_of_a_dead_letter_holds_no_message_content(frontdesk: FrontDesk) -> None:
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = ValueError("invalid literal: 'my secret'")
    assert frontdesk.redrive_dead_letter(dead_letter).dead_letter.reason == "ValueError"


def test_dead_letter_is_retained_while_the_store_is_down() -> None:
    class NoStore(MemoryMessageStore):
        def record(self, record: MessageRecord) -> None:
            raise StorageUnavailableError("no answer")

    frontdesk = FrontDesk(messages=NoStore())
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = None
    assert frontdesk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.FAILED
    assert the_dead_letter(frontdesk).attempts == 2


def test_dead_letter_redriven_twice_is_a_duplicate(frontdesk: FrontDesk) -> None:
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = None
    frontdesk.redrive_dead_letter(dead_letter)
    (receipt,) = frontdesk.redrive_dead_letter(dead_letter).receipts
    assert receipt.outcome is RecordOutcome.DUPLICATE
    assert len(frontdesk.queued()["sms-replies"]) == 1


def test_concurrent_redrives_route_the_message_once(frontdesk: FrontDesk) -> None:
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = None
    outcomes = at_once([lambda: frontdesk.redrive_dead_letter(dead_letter).outcome] * 8)
    assert set(outcomes) == {RedriveOutcome.RECEIVED}
    assert len(frontdesk.queued()["sms-replies"]) == 1
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_dead_letter_deleted_by_another_operator_is_not_stored_again(frontdesk: FrontDesk) -> None:
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.dead_letters.delete(dead_letter.dead_letter_id)
    assert frontdesk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.FAILED
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_redrive_interrupted_before_the_deletion_is_completed_by_the_next_redrive() -> None:
    class NoDeletion(MemoryDeadLetters):
        is_down = True

        def delete(self, dead_letter_id: str) -> bool:
            if self.is_down:
                raise StorageUnavailableError("no answer")
            return super().delete(dead_letter_id)

    dead_letters = NoDeletion()
    frontdesk = FrontDesk(dead_letters=dead_letters)
    frontdesk.given_conversation()
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = None
    with pytest.raises(StorageUnavailableError):
        frontdesk.redrive_dead_letter(dead_letter)
    assert the_dead_letter(frontdesk) == dead_letter
    dead_letters.is_down = False
    assert frontdesk.redrive_dead_letter(dead_letter).receipts[0].outcome is RecordOutcome.DUPLICATE
    assert len(frontdesk.queued()["sms-replies"]) == 1


def test_redriven_message_from_an_unknown_sender_is_unmatched_without_a_fallback() -> None:
    frontdesk = FrontDesk()
    dead_letter = dead_lettered(frontdesk, ZeroDivisionError())
    frontdesk.parser.parse_error = None
    frontdesk.advance_clock(seconds=7200)
    (receipt,) = frontdesk.redrive_dead_letter(dead_letter).receipts
    assert receipt.outcome is RecordOutcome.UNMATCHED
    assert frontdesk.sender.sent == []


class TestUnauthenticatedMail:
    @pytest.fixture
    def frontdesk(self) -> FrontDesk:
        frontdesk = FrontDesk(unauthenticated_mail=MailPolicy.DEAD_LETTER)
        frontdesk.given_conversation(ChannelType.EMAIL)
        frontdesk.receive(an_inbound_message(ChannelType.EMAIL, author_authenticated=False))
        return frontdesk

    def test_redriven_unauthenticated_mail_is_routed_to_a_human(self, frontdesk: FrontDesk) -> None:
        assert the_dead_letter(frontdesk).kind is DeadLetterKind.UNAUTHENTICATED
        assert (
            frontdesk.redrive_dead_letter(the_dead_letter(frontdesk)).outcome
            is RedriveOutcome.RECEIVED
        )
        assert list(frontdesk.queued()) == ["email-handoff"]
        assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()

    def test_unauthenticated_mail_is_accepted_after_a_redrive_that_failed(
        self, frontdesk: FrontDesk
    ) -> None:
        frontdesk.parser.parse_error = ZeroDivisionError()
        frontdesk.redrive_dead_letter(the_dead_letter(frontdesk))
        frontdesk.parser.parse_error = None
        assert (
            frontdesk.redrive_dead_letter(the_dead_letter(frontdesk)).outcome
            is RedriveOutcome.RECEIVED
        )

    def test_unauthenticated_mail_stored_after_a_bug_is_not_accepted_by_a_redrive(
        self, frontdesk: FrontDesk
    ) -> None:
        bug = replace(the_dead_letter(frontdesk), kind=DeadLetterKind.BUG)
        assert frontdesk.redrive_dead_letter(bug).outcome is RedriveOutcome.FAILED
        assert frontdesk.queued() == {}


def test_redriven_automated_mail_is_routed_to_a_human() -> None:
    frontdesk = FrontDesk(automated_mail=MailPolicy.DEAD_LETTER)
    frontdesk.given_conversation(ChannelType.EMAIL)
    metadata = {"automated": {"kind": "auto_reply", "sign": "auto_submitted"}}
    frontdesk.receive(an_inbound_message(ChannelType.EMAIL, metadata=metadata))
    assert the_dead_letter(frontdesk).kind is DeadLetterKind.AUTOMATED
    frontdesk.redrive_dead_letter(the_dead_letter(frontdesk))
    assert list(frontdesk.queued()) == ["email-handoff"]
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


class TestUndeliverableMessages:
    @pytest.fixture
    def queue(self) -> UnsteadyQueue:
        return UnsteadyQueue(lambda: NOW)

    @pytest.fixture
    def frontdesk(self, queue: UnsteadyQueue) -> FrontDesk:
        frontdesk = FrontDesk(publisher=queue)
        frontdesk.queue = queue
        frontdesk.given_conversation()
        frontdesk.receive(an_inbound_message())
        self.is_given_up(frontdesk)
        return frontdesk

    def is_given_up(self, frontdesk: FrontDesk) -> None:
        for _ in range(MAX_ATTEMPTS + 1):
            frontdesk.advance_clock(seconds=600)
            frontdesk.relay()
        assert the_dead_letter(frontdesk).kind is DeadLetterKind.UNDELIVERABLE

    def test_redriven_undeliverable_message_is_pending_and_published_by_the_relay(
        self, frontdesk: FrontDesk, queue: UnsteadyQueue
    ) -> None:
        queue.is_down = False
        assert (
            frontdesk.redrive_dead_letter(the_dead_letter(frontdesk)).outcome
            is RedriveOutcome.PENDING
        )
        assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()
        assert frontdesk.relay() == [RelayOutcome.RELAYED]
        assert len(frontdesk.queued()["sms-replies"]) == 1

    def test_redriven_message_that_fails_as_long_again_becomes_a_dead_letter_again(
        self, frontdesk: FrontDesk
    ) -> None:
        frontdesk.redrive_dead_letter(the_dead_letter(frontdesk))
        self.is_given_up(frontdesk)

    def test_undeliverable_message_redriven_twice_is_published_once(
        self, frontdesk: FrontDesk, queue: UnsteadyQueue
    ) -> None:
        queue.is_down = False
        dead_letter = the_dead_letter(frontdesk)
        frontdesk.redrive_dead_letter(dead_letter)
        frontdesk.relay()
        assert frontdesk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.PENDING
        frontdesk.advance_clock(seconds=600)
        assert frontdesk.relay() == []
        assert len(frontdesk.queued()["sms-replies"]) == 1
