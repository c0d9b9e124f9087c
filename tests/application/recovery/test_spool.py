"""A webhook in the spool becomes a message or a dead letter."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.spool import SpoolEntry
from application.ports.webhook_parser import WebhookParserFactory
from application.recovery.drain_spool import MAX_ATTEMPTS, DrainOutcome
from domain.erasure import Tombstone
from domain.errors import StorageUnavailableError, UnreadableMessageError
from domain.messages import MessageRecord
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_spool import MemorySpool
from tests.application.frontdesk import (
    THANKS,
    FrontDesk,
    error_of,
)
from tests.builders import NOW, a_conversation, an_inbound_message, verified


class UnsteadyStore(MemoryMessageStore):
    """Is unavailable while ``is_down``."""

    is_down = True

    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        if self.is_down:
            raise StorageUnavailableError("no answer")
        return super().record(record)


class NoDeadLetters(MemoryDeadLetters):
    def store(self, dead_letter: DeadLetter) -> None:
        raise StorageUnavailableError("no space left")


@pytest.fixture
def store() -> UnsteadyStore:
    return UnsteadyStore()


@pytest.fixture
def frontdesk(store: UnsteadyStore) -> FrontDesk:
    frontdesk = FrontDesk(messages=store)
    frontdesk.given_conversation()
    return frontdesk


def test_webhook_is_spooled_while_the_store_is_down(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    assert frontdesk.receive(an_inbound_message()) == THANKS
    assert frontdesk.spool.depth().entries == 1
    assert frontdesk.metrics.total("Spooled") == 1

    store.is_down = False
    assert frontdesk.drain() == [DrainOutcome.RECEIVED]
    assert frontdesk.spool.depth().entries == 0
    (context,) = frontdesk.queued()["sms-replies"]
    assert context.message.body == "Is my order on its way?"


def test_spool_entry_never_holds_the_authorization_header(frontdesk: FrontDesk) -> None:
    frontdesk.receive(an_inbound_message())
    (delivery,) = frontdesk.spool.receive(1, timedelta(seconds=1))
    assert [name for name, _ in delivery.entry.webhook.request.headers] == ["x-signature"]


def test_duplicate_webhook_is_spooled_once(frontdesk: FrontDesk, store: UnsteadyStore) -> None:
    for _ in range(3):
        assert frontdesk.receive(an_inbound_message()) == THANKS
    assert frontdesk.spool.depth().entries == 1

    store.is_down = False
    frontdesk.receive(an_inbound_message())
    frontdesk.drain()
    assert len(frontdesk.queued()["sms-replies"]) == 1


def test_spool_entries_of_one_sender_share_a_group(frontdesk: FrontDesk) -> None:
    frontdesk.receive(an_inbound_message(), body=b"1")
    frontdesk.receive(an_inbound_message(message_id="SM2"), body=b"2")
    frontdesk.receive(an_inbound_message(sender="+14155550177"), body=b"3")
    deliveries = frontdesk.spool.receive(10, timedelta(seconds=1))
    assert [delivery.entry.webhook.request.body for delivery in deliveries] == [b"1", b"3"]


def test_unreadable_webhook_does_not_replace_a_readable_one_in_the_spool(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    # One signature is valid for both: an attacker changed the part that it does not cover.
    frontdesk.parser.parse_error = UnreadableMessageError("its fields are regrouped")
    for _ in range(2):
        assert frontdesk.spool_next() == THANKS
    frontdesk.parser.parse_error = None
    assert frontdesk.receive(an_inbound_message()) == THANKS
    deliveries = frontdesk.spool.receive(10, timedelta(seconds=1))
    assert len({delivery.entry.entry_id for delivery in deliveries}) == 2


def test_regrouped_copy_does_not_replace_its_original_in_the_spool(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    copy = an_inbound_message(metadata={"regrouping_suspected": True})
    for message in (copy, copy, an_inbound_message()):
        assert frontdesk.receive(message) == THANKS
    assert frontdesk.spool.depth().entries == 2


def test_failing_spool_entry_is_retried_with_growing_delays(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    frontdesk.receive(an_inbound_message())
    waits = []
    for _ in range(9):
        assert frontdesk.drain() == [DrainOutcome.RELEASED]
        waits.append(0)
        while not (taken := frontdesk.spool.receive(1, timedelta(seconds=1))):
            frontdesk.advance_clock(seconds=1)
            waits[-1] += 1
        frontdesk.spool.release(taken[0], timedelta(0))
    assert waits[0] == 5
    assert waits[-1] == 300


def test_spool_keeps_why_the_latest_attempt_failed(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    frontdesk.receive(an_inbound_message())
    frontdesk.drain()
    (waiting,) = frontdesk.spool.look()
    assert (waiting.attempts, waiting.reason) == (1, "no answer")


def test_log_names_the_reason_of_a_failing_spool_entry(
    frontdesk: FrontDesk, caplog: pytest.LogCaptureFixture
) -> None:
    frontdesk.receive(an_inbound_message())
    frontdesk.drain()
    (line,) = [one for one in caplog.records if one.message == "spooled webhook still fails"]
    assert line.__dict__["error"] == "StorageUnavailableError"
    assert line.__dict__["reason"] == "no answer"


def test_spool_entry_with_too_many_attempts_becomes_a_dead_letter(frontdesk: FrontDesk) -> None:
    frontdesk.receive(an_inbound_message())
    for _ in range(MAX_ATTEMPTS - 1):
        assert frontdesk.drain() == [DrainOutcome.RELEASED]
        frontdesk.advance_clock(seconds=300)
    assert frontdesk.drain() == [DrainOutcome.DEAD_LETTER]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert (dead_letter.kind, dead_letter.attempts) == (DeadLetterKind.EXHAUSTED, MAX_ATTEMPTS)
    assert dead_letter.reason == "no answer"
    assert frontdesk.spool.depth().entries == 0


def test_spool_entry_that_kills_every_worker_becomes_a_dead_letter(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    frontdesk.receive(an_inbound_message())
    for _ in range(MAX_ATTEMPTS):
        assert frontdesk.spool.receive(1, timedelta(seconds=1))
        frontdesk.advance_clock(seconds=1)
    store.is_down = False
    assert frontdesk.drain() == [DrainOutcome.DEAD_LETTER]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert (dead_letter.kind, dead_letter.attempts) == (DeadLetterKind.EXHAUSTED, MAX_ATTEMPTS + 1)
    assert dead_letter.reason == "every attempt ended without a word"
    assert frontdesk.spool.depth().entries == 0
    assert frontdesk.queued() == {}


def test_spool_entry_that_is_unreadable_becomes_a_dead_letter_at_once(
    frontdesk: FrontDesk, store: UnsteadyStore
) -> None:
    frontdesk.receive(an_inbound_message())
    store.is_down = False
    frontdesk.parser.parse_error = UnreadableMessageError("it is in no charset")
    assert frontdesk.drain() == [DrainOutcome.DEAD_LETTER]
    assert [dead_letter.kind for dead_letter in frontdesk.dead_letters.each_dead_letter()] == [
        "unreadable"
    ]


def test_spool_entry_of_a_removed_channel_becomes_a_dead_letter(frontdesk: FrontDesk) -> None:
    for number in range(2):
        webhook = verified(replace(frontdesk.request(), body=b"%d" % number))
        frontdesk.spool.enqueue(SpoolEntry(f"e{number}", f"g{number}", webhook, NOW))
    without = replace(frontdesk.process_webhook, parsers=WebhookParserFactory({}))
    drain = replace(frontdesk.container.operations().drain_spool(), process_webhook=without)
    assert list(drain().values()) == [DrainOutcome.DEAD_LETTER] * 2

    dead_letters = tuple(frontdesk.dead_letters.each_dead_letter())
    bodies = {one.webhook.request.body for one in dead_letters if one.webhook}
    assert bodies == {b"0", b"1"}
    assert frontdesk.spool.depth().entries == 0


def test_spool_entry_is_retained_while_its_dead_letter_cannot_be_stored(
    store: UnsteadyStore,
) -> None:
    frontdesk = FrontDesk(messages=store, dead_letters=NoDeadLetters())
    frontdesk.receive(an_inbound_message())
    frontdesk.parser.parse_error = UnreadableMessageError("it is in no charset")
    assert frontdesk.drain() == [DrainOutcome.RELEASED]
    assert frontdesk.spool.depth().entries == 1


def test_webhook_receives_503_when_neither_store_nor_spool_can_be_written(
    store: UnsteadyStore,
) -> None:
    frontdesk = FrontDesk(messages=store)
    frontdesk.spool = MemorySpool(frontdesk.clock, max_entries=0)
    full = FrontDesk(messages=store, spool=frontdesk.spool)
    full.conversations.open_conversation(a_conversation())

    answer = full.receive(an_inbound_message())

    assert (answer.status, error_of(answer)) == (503, "Temporarily unavailable")
    assert dict(answer.headers)["retry-after"] == "30"


def test_webhook_without_a_free_slot_is_verified_and_spooled() -> None:
    frontdesk = FrontDesk()
    frontdesk.parser.messages = []
    assert frontdesk.spool_next() == THANKS
    assert frontdesk.spool.depth().entries == 1
    assert frontdesk.messages.list_unmatched(1).items == ()

    assert frontdesk.spool_next(signature="wrong").status == 401
    assert frontdesk.spool.depth().entries == 1
