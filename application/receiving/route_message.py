"""Route a recorded message to its queue. Every step can be repeated."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from application.clock import Clock, Deadline
from application.ports.claim_check import ClaimCheck
from application.ports.message_store import MessageStore
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.ports.unit_of_work import Result, Unit, UnitOfWork
from application.receiving.match_conversation import MatchConversation
from domain.context import ContextObject, MessageContext
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.errors import (
    ConcurrentUpdateError,
    QueueRoutingError,
    StorageUnavailableError,
    safe_reason,
)
from domain.messages import ConversationKey, InboundMessage, MessageRecord
from domain.routing import Route, RoutingPolicy
from domain.tenants import Tenant, TenantDirectory
from domain.trail import FailedAttempt, Trail

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Routable:
    """A recorded message with all that its way to the queue takes.

    ``content`` fits on a queue. ``tenant`` is the company in the ``directory`` that the message
    was sent to.
    """

    record: MessageRecord
    content: MessageContext
    directory: TenantDirectory
    tenant: Tenant | None
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class RoutedMessage:
    """A message on its queue, with the conversation that it was routed for.

    It ``was_erased`` while it was published: then nothing of it may stay.
    """

    record: MessageRecord
    conversation: Conversation
    route: Route
    was_erased: bool


@dataclass(frozen=True)
class RouteMessage:
    """Update the conversation, decide on its present state who answers, publish the context.

    ``erase_context`` takes back a context by its request id, with what is stored for it.
    """

    unit_of_work: UnitOfWork
    messages: MessageStore
    outbox: Outbox
    claim_check: ClaimCheck
    erase_context: Callable[[str], object]
    match_conversation: MatchConversation
    policy: RoutingPolicy
    clock: Clock
    metrics: Metrics

    def __call__(
        self, unit: Unit, message: Routable, conversation: Conversation
    ) -> RoutedMessage | None:
        """Route ``message``, which belongs to ``conversation``, within ``unit``.

        After the unit, ``finish`` it. ``None`` when the conversation is gone and no other takes
        the message, which is then unmatched. Any ``TemporaryError`` leaves the message pending,
        or as it was before an atomic unit.
        """
        current = self._record_activity(unit, conversation, message.record.message)
        return self._publish_for(unit, message, current)

    def retry(self, record: MessageRecord, deadline: Deadline) -> Conversation | None:
        """Route a message on the present state: its handler must have died, or it is moved.

        ``record`` has the lease of this process. Returns the conversation that it was routed
        for, if any.
        """
        try:
            return self._retry(record, deadline)
        except Exception as error:
            self.note_failure(record, error, deadline)
            raise

    def _retry(self, record: MessageRecord, deadline: Deadline) -> Conversation | None:
        directory = self.match_conversation.tenants()
        tenant = directory.owner_of(record.message)

        def work(unit: Unit, content: MessageContext) -> RoutedMessage | None:
            key = record.conversation
            present = unit.conversations.get_conversation(key) if key else None
            current = self._record_activity(unit, present, record.message) if present else None
            message = Routable(record, content, directory, tenant, deadline)
            return self._publish_for(unit, message, current)

        return self.finish(self.run_again(record, work, deadline))

    def run_again(
        self,
        record: MessageRecord,
        work: Callable[[Unit, MessageContext], Result],
        deadline: Deadline,
    ) -> Result:
        """Run ``work`` in a unit, with what of a message that was recorded before fits on a queue.

        The message may be erased meanwhile: then nothing of it stays stored.
        """
        content = self.claim_check.store(record.message)
        is_routed = False
        try:
            result = self.unit_of_work.run(lambda unit: work(unit, content), deadline)
            is_routed = result is not None
        finally:
            if not is_routed:
                self._delete_if_erased(record)
        return result

    def _delete_if_erased(self, record: MessageRecord) -> None:
        if isinstance(self.messages.find_record(record.request_id), Tombstone):
            self.claim_check.delete(record.message)

    def note_failure(self, record: MessageRecord, error: Exception, deadline: Deadline) -> None:
        """Keep for the trace of a pending message why it is not on its queue.

        Nothing depends on it: if there is no time, or it cannot be kept, the log has it.
        """
        if not deadline.seconds_left:
            return
        try:
            self.outbox.add_failure(record, FailedAttempt.of(error, self.clock()))
        except Exception as not_kept:
            logger.warning(
                "why an attempt failed is in the log alone",
                extra={"request_id": record.request_id, "reason": safe_reason(not_kept)},
            )

    def finish(self, routed: RoutedMessage | None) -> Conversation | None:
        """Count a message that was routed, once its unit of work is durable.

        Returns its conversation. An erased message is taken back.
        """
        if routed is None:
            return None
        self.metrics.count("QueueRouting", queue=str(routed.route.queue), result="queued")
        if routed.was_erased:
            self._take_back(routed.record)
        return routed.conversation

    def _publish_for(
        self, unit: Unit, message: Routable, current: Conversation | None
    ) -> RoutedMessage | None:
        """Publish for the conversation that took the message, or for another that takes it."""
        current = current or self._reassign(unit, message)
        return self._publish(unit, message, current) if current else None

    def _record_activity(
        self, unit: Unit, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """The state of ``conversation`` with ``message`` in it; ``None`` if it takes none.

        A message that needs review reaches a human and changes nothing: a forged mail must not
        pass for the customer's latest turn.
        """
        if not self.policy.needs_human_review(message):
            return unit.conversations.record_activity(conversation, message)
        present = unit.conversations.get_conversation(conversation.key)
        return present if present and present.is_open else None

    def _reassign(self, unit: Unit, message: Routable) -> Conversation | None:
        """The conversation was closed or deleted meanwhile: match once more."""
        record = message.record
        other = self.match_conversation(unit, record.message, message.directory).conversation
        if other is not None:
            _assign(unit, record, other.key)
            record = record.assigned_to(other.key)
            current = self._record_activity(unit, other, record.message)
            if current is not None:
                return current
        _assign(unit, record, None)
        return None

    def _publish(self, unit: Unit, message: Routable, conversation: Conversation) -> RoutedMessage:
        message.deadline.check()
        record = message.record
        now = record.queued_at or self.clock()
        route = (
            Route(record.queue, timedelta(0))  # its context was moved there
            if record.queue
            else self.policy.route(record.message, conversation, now)
        )
        context = ContextObject.of(record, conversation, message.tenant, now, message.content)
        try:
            unit.publisher.publish(context, route)
        except QueueRoutingError:
            self.metrics.count("QueueRouting", queue=str(route.queue), result="failed")
            raise
        is_there = record.queued_at is not None or unit.outbox.mark_queued(
            record.request_id, now, record.publication, _trail_of(record, route)
        )
        if unit.is_atomic and not is_there:
            raise ConcurrentUpdateError("the message was erased meanwhile")
        return RoutedMessage(record, conversation, route, was_erased=not is_there)

    def _take_back(self, record: MessageRecord) -> None:
        """The message was erased while it was published: nothing of it may stay.

        That it is erased is certain only now. After a crash the context on the queue leads to
        the rest.
        """
        ids = {"request_id": record.request_id, "message_id": record.message.log_id}
        try:
            self.erase_context(record.request_id)
        except StorageUnavailableError as error:
            logger.exception(
                "an erased message could not be taken back",
                extra={**ids, "reason": safe_reason(error)},
            )
        else:
            logger.warning("message was erased while it was published", extra=ids)


def _trail_of(record: MessageRecord, route: Route) -> Trail:
    delay_seconds = round(route.delay.total_seconds(), 3)
    return replace(record.trail, queue=route.queue, delay_seconds=delay_seconds)


def _assign(unit: Unit, record: MessageRecord, key: ConversationKey | None) -> None:
    if not unit.messages.assign(record, key):
        raise ConcurrentUpdateError("another handler took this message over")
