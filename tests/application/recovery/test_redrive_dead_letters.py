"""Redriving dead letters, also after failures and by several operators at once."""

from dataclasses import replace

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.receiving.record_message import RecordOutcome
from application.recovery.redrive_dead_letters import RedriveOutcome
from application.recovery.relay_outbox import RelayReport
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError, UnreadableMessageError
from domain.outbox import MAX_ATTEMPTS, MessageRecord
from domain.routing import UnauthenticatedMail
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_messages import MemoryMessageStore
from tests.application.frontdesk import FrontDesk
from tests.application.recovery.test_relay_outbox import UnsteadyQueue
from tests.builders import NOW, an_inbound_message
from tests.contracts.concurrency import at_once


def the_dead_letter(desk: FrontDesk) -> DeadLetter:
    (dead_letter,) = desk.dead_letters.each_dead_letter()
    return dead_letter


def dead_lettered(desk: FrontDesk, error: Exception) -> DeadLetter:
    """The dead letter of a message whose parsing raises ``error``."""
    desk.parser.parse_error = error
    desk.gets(an_inbound_message())
    return the_dead_letter(desk)


@pytest.fixture
def desk() -> FrontDesk:
    desk = FrontDesk()
    desk.knows()
    return desk


@pytest.mark.parametrize(
    "error", [UnreadableMessageError("MessageSid is missing"), ZeroDivisionError("a bug")]
)
def test_redriven_dead_letter_becomes_a_message_after_the_code_is_fixed(
    desk: FrontDesk, error: Exception
) -> None:
    dead_letter = dead_lettered(desk, error)
    desk.parser.parse_error = None
    desk.passes(7200)
    redriven = desk.redrive_dead_letter(dead_letter)
    assert redriven.outcome is RedriveOutcome.RECEIVED
    assert [receipt.outcome for receipt in redriven.receipts] == [RecordOutcome.RECORDED]
    assert len(desk.queued()["sms-replies"]) == 1
    assert tuple(desk.dead_letters.each_dead_letter()) == ()


def test_redrive_does_not_verify_the_signature_again(desk: FrontDesk) -> None:
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = None
    desk.parser.validation_error = AssertionError("nobody may ask")
    assert desk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.RECEIVED


def test_dead_letter_that_fails_again_is_stored_with_the_new_reason(desk: FrontDesk) -> None:
    dead_letter = dead_lettered(desk, ZeroDivisionError("a bug"))
    desk.parser.parse_error = UnreadableMessageError("From is missing")
    redriven = desk.redrive_dead_letter(dead_letter)
    assert redriven.outcome is RedriveOutcome.FAILED
    assert redriven.dead_letter == replace(dead_letter, attempts=2, reason="From is missing")
    assert the_dead_letter(desk) == redriven.dead_letter


def test_reason_of_a_dead_letter_holds_no_message_content(desk: FrontDesk) -> None:
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = ValueError("invalid literal: 'my secret'")
    assert desk.redrive_dead_letter(dead_letter).dead_letter.reason == "ValueError"


def test_dead_letter_is_retained_while_the_store_is_down() -> None:
    class NoStore(MemoryMessageStore):
        def record(self, record: MessageRecord) -> None:
            raise StorageUnavailableError("no answer")

    desk = FrontDesk(messages=NoStore())
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = None
    assert desk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.FAILED
    assert the_dead_letter(desk).attempts == 2


def test_dead_letter_redriven_twice_is_a_duplicate(desk: FrontDesk) -> None:
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = None
    desk.redrive_dead_letter(dead_letter)
    (receipt,) = desk.redrive_dead_letter(dead_letter).receipts
    assert receipt.outcome is RecordOutcome.DUPLICATE
    assert len(desk.queued()["sms-replies"]) == 1


def test_concurrent_redrives_route_the_message_once(desk: FrontDesk) -> None:
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = None
    outcomes = at_once([lambda: desk.redrive_dead_letter(dead_letter).outcome] * 8)
    assert set(outcomes) == {RedriveOutcome.RECEIVED}
    assert len(desk.queued()["sms-replies"]) == 1
    assert tuple(desk.dead_letters.each_dead_letter()) == ()


def test_dead_letter_deleted_by_another_operator_is_not_stored_again(desk: FrontDesk) -> None:
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.dead_letters.delete(dead_letter.dead_letter_id)
    assert desk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.FAILED
    assert tuple(desk.dead_letters.each_dead_letter()) == ()


def test_redrive_interrupted_before_the_deletion_is_completed_by_the_next_redrive() -> None:
    class NoDeletion(MemoryDeadLetters):
        is_down = True

        def delete(self, dead_letter_id: str) -> bool:
            if self.is_down:
                raise StorageUnavailableError("no answer")
            return super().delete(dead_letter_id)

    dead_letters = NoDeletion()
    desk = FrontDesk(dead_letters=dead_letters)
    desk.knows()
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = None
    with pytest.raises(StorageUnavailableError):
        desk.redrive_dead_letter(dead_letter)
    assert the_dead_letter(desk) == dead_letter
    dead_letters.is_down = False
    assert desk.redrive_dead_letter(dead_letter).receipts[0].outcome is RecordOutcome.DUPLICATE
    assert len(desk.queued()["sms-replies"]) == 1


def test_redriven_message_from_an_unknown_sender_is_unmatched_without_a_fallback() -> None:
    desk = FrontDesk()
    dead_letter = dead_lettered(desk, ZeroDivisionError())
    desk.parser.parse_error = None
    desk.passes(7200)
    (receipt,) = desk.redrive_dead_letter(dead_letter).receipts
    assert receipt.outcome is RecordOutcome.UNMATCHED
    assert desk.sender.sent == []


class TestUnauthenticatedMail:
    @pytest.fixture
    def desk(self) -> FrontDesk:
        desk = FrontDesk(unauthenticated_mail=UnauthenticatedMail.DEAD_LETTER)
        desk.knows(ChannelType.EMAIL)
        desk.gets(an_inbound_message(ChannelType.EMAIL, author_authenticated=False))
        return desk

    def test_redriven_unauthenticated_mail_is_routed_to_a_human(self, desk: FrontDesk) -> None:
        assert the_dead_letter(desk).kind is DeadLetterKind.UNAUTHENTICATED
        assert desk.redrive_dead_letter(the_dead_letter(desk)).outcome is RedriveOutcome.RECEIVED
        assert list(desk.queued()) == ["email-handoff"]
        assert tuple(desk.dead_letters.each_dead_letter()) == ()

    def test_unauthenticated_mail_is_accepted_after_a_redrive_that_failed(
        self, desk: FrontDesk
    ) -> None:
        desk.parser.parse_error = ZeroDivisionError()
        desk.redrive_dead_letter(the_dead_letter(desk))
        desk.parser.parse_error = None
        assert desk.redrive_dead_letter(the_dead_letter(desk)).outcome is RedriveOutcome.RECEIVED

    def test_unauthenticated_mail_stored_after_a_bug_is_not_accepted_by_a_redrive(
        self, desk: FrontDesk
    ) -> None:
        bug = replace(the_dead_letter(desk), kind=DeadLetterKind.BUG)
        assert desk.redrive_dead_letter(bug).outcome is RedriveOutcome.FAILED
        assert desk.queued() == {}


class TestUndeliverableMessages:
    @pytest.fixture
    def queue(self) -> UnsteadyQueue:
        return UnsteadyQueue(lambda: NOW)

    @pytest.fixture
    def desk(self, queue: UnsteadyQueue) -> FrontDesk:
        desk = FrontDesk(publisher=queue)
        desk.queue = queue
        desk.knows()
        desk.gets(an_inbound_message())
        self.is_given_up(desk)
        return desk

    def is_given_up(self, desk: FrontDesk) -> None:
        for _ in range(MAX_ATTEMPTS + 1):
            desk.passes(600)
            desk.relay()
        assert the_dead_letter(desk).kind is DeadLetterKind.UNDELIVERABLE

    def test_redriven_undeliverable_message_is_pending_and_published_by_the_relay(
        self, desk: FrontDesk, queue: UnsteadyQueue
    ) -> None:
        queue.is_down = False
        assert desk.redrive_dead_letter(the_dead_letter(desk)).outcome is RedriveOutcome.PENDING
        assert tuple(desk.dead_letters.each_dead_letter()) == ()
        assert desk.relay().relayed == 1
        assert len(desk.queued()["sms-replies"]) == 1

    def test_redriven_message_that_fails_as_long_again_becomes_a_dead_letter_again(
        self, desk: FrontDesk
    ) -> None:
        desk.redrive_dead_letter(the_dead_letter(desk))
        self.is_given_up(desk)

    def test_undeliverable_message_redriven_twice_is_published_once(
        self, desk: FrontDesk, queue: UnsteadyQueue
    ) -> None:
        queue.is_down = False
        dead_letter = the_dead_letter(desk)
        desk.redrive_dead_letter(dead_letter)
        desk.relay()
        assert desk.redrive_dead_letter(dead_letter).outcome is RedriveOutcome.PENDING
        desk.passes(600)
        assert desk.relay() == RelayReport()
        assert len(desk.queued()["sms-replies"]) == 1
