"""Record one authentic message exactly once, and send it on its way."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from application.clock import Clock, Deadline
from application.ports.claim_check import ClaimCheck
from application.ports.message_store import MessageStore
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.ports.unit_of_work import Unit, UnitOfWork
from application.receiving.match_conversation import Match, MatchConversation
from application.receiving.route_message import Routable, RoutedMessage, RouteMessage
from application.receiving.send_fallback import SendFallback
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.errors import TemporaryError, UnreadableMessageError, safe_reason
from domain.messages import InboundMessage, MessageRecord, MessageState
from domain.routing import Route
from domain.tenants import Tenant
from domain.trail import FallbackOutcome, Trail

logger = logging.getLogger(__name__)


class RecordOutcome(StrEnum):
    """What became of a message."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message, with the ids under which it can be found.

    ``route`` is there if it is on its queue since just now.
    """

    outcome: RecordOutcome
    record: MessageRecord
    conversation_id: str | None
    route: Route | None = None

    @property
    def is_of_erased(self) -> bool:
        """Whether the message was erased before it came again."""
        return self.record.state is MessageState.ERASED

    def log_fields(self) -> Mapping[str, object]:
        """The ids, and the queue that it is on now, for a log line."""
        route = self.route
        return {
            "queue": route.queue if route else None,
            "delay_seconds": round(route.delay.total_seconds(), 3) if route else None,
            "outcome": self.outcome.value,
            "request_id": self.record.request_id,
            "message_id": self.record.message.log_id,
            "conversation_id": self.conversation_id,
        }


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a unit of work made of a message.

    ``existing`` is what had its request id before: then nothing was changed. ``conversation``
    is the one that takes the message.
    """

    record: MessageRecord
    tenant: Tenant | None
    existing: MessageRecord | Tombstone | None = None
    conversation: Conversation | None = None
    routed: RoutedMessage | None = None


@dataclass(frozen=True)
class RecordMessage:
    """The idempotent receiver."""

    unit_of_work: UnitOfWork
    claim_check: ClaimCheck
    match_conversation: MatchConversation
    messages: MessageStore
    outbox: Outbox
    route_message: RouteMessage
    send_fallback: SendFallback
    clock: Clock
    metrics: Metrics

    def __call__(self, message: InboundMessage, deadline: Deadline) -> Receipt:
        """Record ``message``, whose files are stored, and route it.

        When this returns, the message is durable. A ``TemporaryError`` means that it is not;
        one that happens afterwards only leaves the message pending, and is logged here.
        A mail whose id another mail had before is recorded beside that one. Raises
        ``UnreadableMessageError`` for a provider's id under which other fields are recorded.
        """
        recorded = self._record(message, deadline)
        if recorded.existing is not None and recorded.existing.is_another_than(message):
            self.claim_check.delete(message)
            recorded = self._record(replace(message, has_reused_id=True), deadline)
        if recorded.tenant is None:
            self._report_foreign_recipient(message)
        record, existing = recorded.record, recorded.existing
        if isinstance(existing, Tombstone):
            return self._repeat_erased(record)
        if existing is not None:
            self._check_is_repeated(existing.message, message)
            return self._repeat(existing, deadline)
        self.route_message.finish(recorded.routed)
        if recorded.conversation is not None:
            conversation_id = recorded.conversation.conversation_id
            route = recorded.routed.route if recorded.routed else None
            return Receipt(RecordOutcome.RECORDED, record, conversation_id, route)
        self.metrics.count("UnknownSenders", channel=message.channel)
        if recorded.tenant is not None:
            self._store(self.send_fallback(message, recorded.tenant), record, deadline)
        return Receipt(RecordOutcome.UNMATCHED, record, None)

    def _record(self, message: InboundMessage, deadline: Deadline) -> _Recorded:
        deadline.check()
        directory = self.match_conversation.tenants()
        content = self.claim_check.store(message)

        def work(unit: Unit) -> _Recorded:
            match = self.match_conversation(unit, message, directory)
            tenant, conversation = match.tenant, match.conversation
            deadline.check()
            record = _new_record(message, match, self.clock(), unit)
            existing = unit.messages.record(record)
            if existing is not None or conversation is None:
                return _Recorded(record, tenant, existing)
            try:
                routable = Routable(record, content, directory, tenant, deadline)
                routed = self.route_message(unit, routable, conversation)
            except TemporaryError as error:
                if unit.is_atomic:
                    raise
                self._report_pending(record, error)
                self.route_message.note_failure(record, error, deadline)
                return _Recorded(record, tenant, conversation=conversation)
            taken_by = routed.conversation if routed else None
            return _Recorded(record, tenant, conversation=taken_by, routed=routed)

        return self.unit_of_work.run(work, deadline)

    def _store(self, fallback: FallbackOutcome, record: MessageRecord, deadline: Deadline) -> None:
        """Keep for its trace what became of the fallback, if there is time."""
        try:
            deadline.check()
            self.messages.add_fallback(record, fallback)
        except TemporaryError as error:
            logger.warning(
                "what became of a fallback is in the log alone",
                extra={"request_id": record.request_id, "reason": safe_reason(error)},
            )

    def _repeat(self, existing: MessageRecord, deadline: Deadline) -> Receipt:
        """A duplicate is acknowledged like the first, and routed if the first never was."""
        self.metrics.count("Duplicates")
        now = self.clock()
        if existing.is_stuck(now):
            try:
                if self.outbox.take_lease(existing, now):
                    self.route_message.retry(existing.leased(now), deadline)
            except TemporaryError as error:
                self._report_pending(existing, error)
        key = existing.conversation
        return Receipt(RecordOutcome.DUPLICATE, existing, key.conversation_id if key else None)

    def _repeat_erased(self, record: MessageRecord) -> Receipt:
        """An erased message stays erased, however often it comes: nothing is routed."""
        self.claim_check.delete(record.message)
        self.metrics.count("Duplicates")
        left = replace(record.assigned_to(None), state=MessageState.ERASED)
        return Receipt(RecordOutcome.DUPLICATE, left, None)

    def _check_is_repeated(self, recorded: InboundMessage, message: InboundMessage) -> None:
        """Refuse what is not ``recorded``, although the provider gave both one id.

        Such fields are those of a captured webhook, put together anew.
        """
        of_provider = not recorded.channel.rules.author_chooses_message_id
        if of_provider and _fields_of(recorded) != _fields_of(message):
            if recorded.body != message.body:  # else what is stored may be the recorded one's
                self.claim_check.delete(message)
            raise UnreadableMessageError("this message id was recorded with other fields before")

    def _report_foreign_recipient(self, message: InboundMessage) -> None:
        logger.error(
            "an account wrote to a recipient that is not its own",
            extra={"message_id": message.log_id, "channel": message.channel},
        )
        self.metrics.count("Errors", type="foreign_recipient")

    def _report_pending(self, record: MessageRecord, error: TemporaryError) -> None:
        self.metrics.count("Errors", type=type(error).__name__)
        logger.warning(
            "message recorded, but it stays pending",
            extra={
                "request_id": record.request_id,
                "message_id": record.message.log_id,
                "error": type(error).__name__,
                "reason": safe_reason(error),
            },
        )


def _new_record(message: InboundMessage, match: Match, now: datetime, unit: Unit) -> MessageRecord:
    """The record of ``message``: queued at once where it is durable with its context, or not."""
    trail = Trail(match.rule)
    if match.conversation is None:
        return MessageRecord(message, None, MessageState.UNMATCHED, now, trail=trail)
    key = match.conversation.key
    if unit.is_atomic:
        return MessageRecord(message, key, MessageState.QUEUED, now, queued_at=now, trail=trail)
    return MessageRecord(message, key, MessageState.PENDING, now, trail=trail)


def _fields_of(message: InboundMessage) -> tuple[object, ...]:
    files = tuple(file.url for file in message.attachments)
    addresses = (message.sender, message.identities, message.recipient)
    return (message.channel, *addresses, message.body, files)
