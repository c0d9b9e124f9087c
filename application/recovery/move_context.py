"""Move a delivered context to the other queue of its channel: a human hands over, or back."""

from dataclasses import dataclass
from enum import StrEnum

from application.clock import Clock, Deadline
from application.ports.context_queue import ContextReader, DeliveryKey, VisibleQueue
from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox
from application.receiving.route_message import RouteMessage
from domain.erasure import Tombstone
from domain.errors import ContextNotMovedError
from domain.messages import MessageRecord, MessageState
from domain.queues import QueueKind, QueueName


class MoveOutcome(StrEnum):
    """What became of a context. It is acknowledged in any case."""

    MOVED = "moved"
    """Its next publication is on the other queue."""

    STALE = "stale"
    """It had been moved before: a later publication took its place."""

    UNMATCHED = "unmatched"
    """No open conversation takes its message, which is unmatched now."""

    ERASED = "erased"
    """Its message was erased: it is on no queue any more."""


@dataclass(frozen=True)
class MoveContext:
    """Put a context on the other queue as its next publication, then acknowledge the received one.

    The commit point is the write that makes the next publication pending: after it, the relay
    would publish it too. Repeated after a crash, it goes on where the first run ended. Of two
    processes that move one context, one commits, and the other finds that.
    """

    messages: MessageStore
    outbox: Outbox
    route_message: RouteMessage
    reader: ContextReader
    clock: Clock

    def __call__(self, delivered: DeliveryKey, kind: QueueKind) -> MoveOutcome:
        """Move what was ``delivered`` to the queue of ``kind`` on its channel.

        Raises ``ContextNotMovedError`` if it is there already, is on another queue than it is said
        to be, or has no record. After that, and after any ``TemporaryError``, it is not
        acknowledged: it comes back, and can be moved.
        """
        target = QueueName(delivered.queue.channel, kind)
        if target == delivered.queue:
            raise ContextNotMovedError(f"the context is on {target} already")
        outcome = self._publish_next(delivered, target)
        self.reader.acknowledge(delivered.queue, delivered.receipt)
        return outcome

    def _publish_next(self, delivered: DeliveryKey, target: QueueName) -> MoveOutcome:
        record = self.messages.find_record(delivered.request_id)
        if isinstance(record, Tombstone):
            return MoveOutcome.ERASED
        if record is None or record.publication < delivered.publication:
            raise ContextNotMovedError("there is no record of this context's message")
        if not _may_be_on(delivered, record):
            raise ContextNotMovedError(f"the context is not on {delivered.queue}")
        if record.publication == delivered.publication:
            self._require_not_elsewhere(delivered)
            now = self.clock()
            if not self.outbox.move(record, target, now):
                return self._publish_next(delivered, target)  # another process was faster
            record = record.moved_to(target, now)
        if (record.publication, record.queue) != (delivered.publication + 1, target):
            return MoveOutcome.STALE
        if record.state is MessageState.QUEUED:
            return MoveOutcome.MOVED
        routed_for = self.route_message.retry(record, Deadline.after())
        return MoveOutcome.MOVED if routed_for else MoveOutcome.UNMATCHED

    def _require_not_elsewhere(self, delivered: DeliveryKey) -> None:
        """A record does not say where its first publication is: the queue does, if it can.

        On the wrong queue it would stay, beside its next publication. One that was acknowledged
        is nowhere, and is moved all the same.
        """
        if not isinstance(self.reader, VisibleQueue):
            return
        queues = {
            waiting.queue
            for waiting in self.reader.locate(delivered.request_id)
            if waiting.context.publication == delivered.publication
        }
        if queues and delivered.queue not in queues:
            raise ContextNotMovedError(f"the context is not on {delivered.queue}")


def _may_be_on(delivered: DeliveryKey, record: MessageRecord) -> bool:
    """Whether the context can have come from there; a first publication may be on either queue."""
    if record.publication == delivered.publication and record.queue:
        return record.queue == delivered.queue
    return record.message.channel is delivered.queue.channel
