"""A message is erased between its recording and its publication: nothing of it stays."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pytest

from application.clock import Deadline
from application.ports.context_queue import ContextPublisher, SearchableQueue
from application.privacy.erase_message import EraseMessage
from application.recovery.relay_outbox import RelayOutcome
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.erasure import RetainedMessage
from domain.errors import ConcurrentUpdateError, QueueRoutingError, StorageUnavailableError
from domain.messages import MessageRecord
from domain.queues import QueueKind
from domain.routing import Route
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.memory.memory_queue import MemoryContextQueue
from infrastructure.serialization.claim_check import BlobClaimCheck
from tests.application.frontdesk import FrontDesk
from tests.builders import an_inbound_message
from tests.contracts.context_queue import REPLIES

LONG = "So long that it goes by claim check. " * 10_000


@dataclass
class InterruptedQueue(ContextPublisher, SearchableQueue):
    """A queue that calls ``meanwhile`` before it publishes."""

    meanwhile: Callable[[], object] = lambda: None
    queue: MemoryContextQueue | None = None

    def publish(self, context: ContextObject, route: Route) -> None:
        self.meanwhile()
        if self.queue is None:
            raise QueueRoutingError("down")
        self.queue.publish(context, route)

    def find(self, channel: ChannelType, senders: Collection[str]) -> tuple[str, ...]:
        return self.queue.find(channel, senders) if self.queue else ()

    def erase(self, request_id: str) -> int:
        if self.queue is None:
            raise StorageUnavailableError("down")
        return self.queue.erase(request_id)


@pytest.fixture
def queue() -> InterruptedQueue:
    return InterruptedQueue()


@pytest.fixture
def frontdesk(queue: InterruptedQueue) -> FrontDesk:
    """A front desk whose messages are erased while they are published."""
    blobs = MemoryBlobStore()
    frontdesk = FrontDesk(blobs=blobs, publisher=queue)
    queue.queue = frontdesk.queue
    queue.meanwhile = lambda: erase_all(frontdesk)
    frontdesk.given_conversation()
    return frontdesk


def erase_all(frontdesk: FrontDesk) -> None:
    erase = EraseMessage(frontdesk.retention, frontdesk.blobs, frontdesk.queue)
    for retained in frontdesk.retention.list_retained(10).items:
        erase(retained)


def body_of(frontdesk: FrontDesk) -> bytes:
    """The body of the first message that the claim check has stored."""
    content = BlobClaimCheck(MemoryBlobStore()).store(an_inbound_message(body=LONG))
    return frontdesk.blobs.get(str(content.body_reference))


def blob_count(frontdesk: FrontDesk) -> int:
    """How many blobs there are; all are deleted."""
    return frontdesk.blobs.delete("attachments") + frontdesk.blobs.delete("contexts")


def test_context_of_a_message_erased_while_publishing_is_erased_with_its_files(
    frontdesk: FrontDesk, caplog: pytest.LogCaptureFixture
) -> None:
    assert frontdesk.receive(an_inbound_message(body=LONG)).status == 200
    assert frontdesk.queued() == {}
    with pytest.raises(KeyError):
        body_of(frontdesk)
    assert "message was erased while it was published" in caplog.messages


def test_relay_erases_the_context_of_a_message_erased_while_publishing(
    frontdesk: FrontDesk, queue: InterruptedQueue
) -> None:
    erase, queue.meanwhile = queue.meanwhile, lambda: None
    queue.queue, up = None, queue.queue
    frontdesk.receive(an_inbound_message(body=LONG))
    queue.queue, queue.meanwhile = up, erase
    frontdesk.advance_clock(seconds=60)
    assert frontdesk.relay() == [RelayOutcome.RELAYED]
    assert frontdesk.queued() == {}
    with pytest.raises(KeyError):
        body_of(frontdesk)


def test_context_published_just_before_the_erasure_is_erased(
    frontdesk: FrontDesk, queue: InterruptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.meanwhile = lambda: None
    queue.queue, up = None, queue.queue
    frontdesk.receive(an_inbound_message(body=LONG))
    frontdesk.advance_clock(seconds=60)
    queue.queue = up
    erase = frontdesk.retention.erase

    def relay_first(retained: RetainedMessage) -> bool:
        assert frontdesk.relay() == [RelayOutcome.RELAYED]
        return erase(retained)

    monkeypatch.setattr(frontdesk.retention, "erase", relay_first)
    erase_all(frontdesk)
    assert frontdesk.queued() == {}
    with pytest.raises(KeyError):
        body_of(frontdesk)


@pytest.mark.parametrize("published", ["before it", "after it"])
def test_context_moved_during_the_erasure_is_erased_with_its_files(
    frontdesk: FrontDesk, queue: InterruptedQueue, monkeypatch: pytest.MonkeyPatch, published: str
) -> None:
    queue.meanwhile = lambda: None
    frontdesk.receive(an_inbound_message(body=LONG))
    frontdesk.advance_clock(seconds=60)
    (delivery,) = frontdesk.queue.receive(REPLIES, 10)
    erase = frontdesk.retention.erase

    def move_meanwhile(retained: RetainedMessage) -> bool:
        if published == "before it":
            frontdesk.move_context(delivery.key, QueueKind.HANDOFF)
            assert len(frontdesk.queued()) == 1
            return erase(retained)
        queue.meanwhile = lambda: erase(retained)
        frontdesk.move_context(delivery.key, QueueKind.HANDOFF)
        return False

    monkeypatch.setattr(frontdesk.retention, "erase", move_meanwhile)
    erase_all(frontdesk)
    assert frontdesk.queued() == {}
    with pytest.raises(KeyError):
        body_of(frontdesk)


def test_webhook_is_acknowledged_although_the_context_cannot_be_erased(
    frontdesk: FrontDesk,
    queue: InterruptedQueue,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: str) -> Any:
        raise StorageUnavailableError("the bucket does not answer")

    monkeypatch.setattr(queue, "erase", fail)
    assert frontdesk.receive(an_inbound_message()).status == 200
    (line,) = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert line.getMessage() == "an erased message could not be taken back"
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_context_of_a_message_that_is_not_erased_stays_on_its_queue(
    frontdesk: FrontDesk, queue: InterruptedQueue
) -> None:
    queue.meanwhile = lambda: None
    frontdesk.receive(an_inbound_message(body=LONG))
    assert len(frontdesk.queued()) == 1
    assert body_of(frontdesk) == LONG.encode()


class StubbornBlobStore(MemoryBlobStore):
    """Nothing can be deleted."""

    def delete(self, folder: str) -> int:
        raise StorageUnavailableError(f"{folder} may not be deleted")


def test_stored_parts_of_a_context_are_deleted_before_the_context() -> None:
    frontdesk = FrontDesk(blobs=StubbornBlobStore())
    frontdesk.given_conversation()
    frontdesk.receive(an_inbound_message(body=LONG))
    with pytest.raises(StorageUnavailableError):
        frontdesk.route_message.erase_context("request-1")
    assert len(frontdesk.queued()) == 1


def test_message_erased_before_it_is_redriven_leaves_nothing_in_the_blob_store() -> None:
    frontdesk = FrontDesk()
    for number in range(2):
        frontdesk.advance_clock(seconds=1)
        frontdesk.receive(an_inbound_message(body=LONG, provider_message_id=f"SM{number}"))
    redriven = frontdesk.redrive()
    next(redriven)
    erase_all(frontdesk)
    frontdesk.given_conversation()
    next(redriven)
    assert frontdesk.queued() == {}
    assert blob_count(frontdesk) == 0


def test_message_erased_before_its_retry_leaves_nothing_in_the_blob_store() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    frontdesk.receive(an_inbound_message(body=LONG))
    record = frontdesk.messages.find_record(an_inbound_message().request_id)
    assert isinstance(record, MessageRecord)
    erase_all(frontdesk)
    with pytest.raises(ConcurrentUpdateError):
        frontdesk.route_message.retry(record.assigned_to(None), Deadline.after())
    assert frontdesk.queued() == {}
    assert blob_count(frontdesk) == 0


def test_duplicate_within_the_erasure_leaves_nothing_in_the_blob_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    message = an_inbound_message(body=LONG)
    frontdesk.receive(message)
    erase = frontdesk.retention.erase

    def after_a_duplicate(retained: RetainedMessage) -> bool:
        frontdesk.receive(message)
        return erase(retained)

    monkeypatch.setattr(frontdesk.retention, "erase", after_a_duplicate)
    erase_all(frontdesk)
    assert blob_count(frontdesk) == 0
