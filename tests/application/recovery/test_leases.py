"""Of all processes that find a message pending, only the one with the lease publishes it."""

from datetime import datetime
from functools import partial
from itertools import chain
from threading import Barrier

import pytest

from application.recovery.relay_outbox import RelayOutcome
from domain.context import ContextObject
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.messages import InboundMessage, MessageRecord
from domain.routing import Route
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_queue import MemoryContextQueue
from tests.application.frontdesk import FrontDesk
from tests.builders import NOW, an_inbound_message
from tests.contracts.concurrency import at_once

WORKERS = 8


class Meeting:
    """Waits until all workers have seen the same message pending."""

    meeting: Barrier | None = None

    def meet(self) -> None:
        if self.meeting is not None:
            self.meeting.wait()


class MeetingStore(MemoryMessageStore, Meeting):
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        existing = super().record(record)
        self.meet()
        return existing


class MeetingOutbox(MemoryMessageStore, Meeting):
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        stuck = super().list_stuck(limit, now)
        self.meet()
        return stuck


class CountingQueue(MemoryContextQueue):
    """Records every publication, unlike a queue that may drop a duplicate."""

    is_down = True

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.published: list[str] = []

    def publish(self, context: ContextObject, route: Route) -> None:
        if self.is_down:
            raise QueueRoutingError("no answer")
        self.published.append(context.request_id)


@pytest.fixture
def queue() -> CountingQueue:
    return CountingQueue()


@pytest.fixture
def frontdesk(queue: CountingQueue) -> FrontDesk:
    """A front desk with one pending message that is due; its queue works again."""
    data = MemoryData()
    store, outbox = MeetingStore(data), MeetingOutbox(data)
    frontdesk = FrontDesk(publisher=queue, data=data, messages=store, outbox=outbox)
    frontdesk.given_conversation()
    frontdesk.receive(an_inbound_message())
    frontdesk.advance_clock(seconds=31)
    queue.is_down = False
    store.meeting = outbox.meeting = Barrier(WORKERS, timeout=30)
    return frontdesk


def test_concurrent_relays_publish_a_pending_message_once(
    frontdesk: FrontDesk, queue: CountingQueue
) -> None:
    outcomes = list(chain(*at_once([frontdesk.relay] * WORKERS)))
    assert outcomes.count(RelayOutcome.RELAYED) == 1
    assert outcomes.count(RelayOutcome.TAKEN_BY_OTHERS) == WORKERS - 1
    assert queue.published == [an_inbound_message().request_id]


def test_concurrent_copies_publish_a_pending_message_once(
    frontdesk: FrontDesk, queue: CountingQueue
) -> None:
    at_once([partial(frontdesk.receive, an_inbound_message())] * WORKERS)
    assert queue.published == [an_inbound_message().request_id]


class ForgetfulStore(MemoryConversationStore):
    """Is unavailable for updates of a conversation while ``is_down``."""

    is_down = True

    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        if self.is_down:
            raise StorageUnavailableError("no answer")
        return super().record_activity(conversation, message)


@pytest.mark.parametrize("by", ["the relay", "a copy"])
def test_late_publication_updates_the_conversation_first(by: str) -> None:
    conversations = ForgetfulStore()
    frontdesk = FrontDesk(conversations=conversations)
    frontdesk.given_conversation()
    message = an_inbound_message()
    frontdesk.receive(message)
    conversations.is_down = False
    frontdesk.advance_clock(seconds=31)
    if by == "the relay":
        frontdesk.relay()
    else:
        frontdesk.receive(message)
    (conversation,) = conversations.list_conversations(10).items
    assert conversation.last_user_message_at == message.received_at
    assert list(frontdesk.queued()) == ["sms-replies"]
