"""Route a recorded message to its queue. Every step can be repeated."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from application.clock import Clock, Deadline
from application.ports.context_queue import ContextPublisher
from application.ports.conversation_store import ConversationStore
from application.ports.message_store import MessageStore
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.receiving.match_conversation import MatchConversation
from domain.context import ContextObject
from domain.conversations import Conversation
from domain.errors import (
    ConcurrentUpdateError,
    QueueRoutingError,
    StorageUnavailableError,
    safe_reason,
)
from domain.messages import ConversationKey, InboundMessage, MessageRecord
from domain.routing import Route, RoutingPolicy
from domain.tenants import Tenant

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RouteMessage:
    """Update the conversation, decide on its present state who answers, publish the context.

    ``erase_context`` takes back a context by its request id, with what is stored for it.
    """

    conversations: ConversationStore
    messages: MessageStore
    outbox: Outbox
    publisher: ContextPublisher
    erase_context: Callable[[str], object]
    match_conversation: MatchConversation
    policy: RoutingPolicy
    clock: Clock
    metrics: Metrics

    def __call__(
        self,
        record: MessageRecord,
        conversation: Conversation,
        tenant: Tenant | None,
        deadline: Deadline,
    ) -> Conversation | None:
        """Route ``record``, which belongs to ``conversation``.

        Returns the conversation that it was routed for; ``None`` when that is gone and no other
        takes the message, which is then unmatched. Any ``TemporaryError`` leaves the message
        pending.
        """
        current = self._record_activity(conversation, record.message)
        return self._publish_for(record, current, tenant, deadline)

    def retry(self, record: MessageRecord, deadline: Deadline) -> Conversation | None:
        """Route a message on the present state: its handler must have died, or it is moved."""
        tenant = self.match_conversation.tenants().owner_of(record.message)
        key = record.conversation
        present = self.conversations.get_conversation(key) if key else None
        current = self._record_activity(present, record.message) if present else None
        return self._publish_for(record, current, tenant, deadline)

    def _publish_for(
        self,
        record: MessageRecord,
        current: Conversation | None,
        tenant: Tenant | None,
        deadline: Deadline,
    ) -> Conversation | None:
        """Publish for the conversation that took the message, or for another that takes it."""
        current = current or self._reassign(record)
        if current is not None:
            self._publish(record, current, tenant, deadline)
        return current

    def _record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """The state of ``conversation`` with ``message`` in it; ``None`` if it takes none.

        A message that needs review reaches a human and changes nothing: a forged mail must not
        pass for the customer's latest turn.
        """
        if not self.policy.needs_human_review(message):
            return self.conversations.record_activity(conversation, message)
        present = self.conversations.get_conversation(conversation.key)
        return present if present and present.is_open else None

    def _reassign(self, record: MessageRecord) -> Conversation | None:
        """The conversation was closed or deleted meanwhile: match once more."""
        _, other = self.match_conversation(record.message)
        if other is not None:
            self._assign(record, other.key)
            record = record.assigned_to(other.key)
            current = self._record_activity(other, record.message)
            if current is not None:
                return current
        self._assign(record, None)
        return None

    def _assign(self, record: MessageRecord, key: ConversationKey | None) -> None:
        if not self.messages.assign(record, key):
            raise ConcurrentUpdateError("another handler took this message over")

    def _publish(
        self,
        record: MessageRecord,
        conversation: Conversation,
        tenant: Tenant | None,
        deadline: Deadline,
    ) -> None:
        deadline.check()
        now = self.clock()
        route = (
            Route(record.queue, timedelta(0))  # its context was moved there
            if record.queue
            else self.policy.route(record.message, conversation, now)
        )
        context = ContextObject.of(record, conversation, tenant, now)
        try:
            self.publisher.publish(context, route)
        except QueueRoutingError:
            self.metrics.count("QueueRouting", queue=str(route.queue), result="failed")
            raise
        self.metrics.count("QueueRouting", queue=str(route.queue), result="queued")
        if not self.outbox.mark_queued(record.request_id, now, record.publication):
            self._take_back(record)

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
