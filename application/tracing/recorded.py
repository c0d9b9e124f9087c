"""The trace of a message that has a record."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.clock import Clock
from application.companies import FindCompany
from application.ports.context_queue import ContextReader, VisibleQueue
from application.ports.conversation_store import ConversationStore
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.message_lookup import MessageLookup
from application.tracing.queue_conclusions import OnQueue, conclusion_on_queued
from application.tracing.queue_reasons import reason_for_human
from application.tracing.record_conclusions import (
    ERASED,
    Unmatched,
    conclusion_on_pending,
    conclusion_on_undeliverable,
)
from application.tracing.results import Conclusion, Detail, MessageTrace, Station, StationKind
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.errors import InvalidAddressError
from domain.messages import MessageRecord, MessageState
from domain.queues import QueueKind
from domain.routing import RoutingPolicy
from domain.tenants import TenantDirectory
from domain.times import rfc3339
from domain.trail import MatchRule

_WITHOUT_CONVERSATION = frozenset(
    {MatchRule.NO_CONVERSATION, MatchRule.FOREIGN_RECIPIENT, MatchRule.UNKNOWN_AUTHOR}
)


@dataclass(frozen=True)
class TraceRecord:
    """Tells the way of a recorded message from all that is stored of it.

    ``dead_letters`` is ``None`` as long as there is no place for them. A customer gets one
    fallback within a ``fallback_window``.
    """

    lookup: MessageLookup
    conversations: ConversationStore
    queue: ContextReader
    dead_letters: DeadLetters | None
    tenants: Callable[[], TenantDirectory]
    find_company: FindCompany
    policy: RoutingPolicy
    fallback_window: timedelta
    clock: Clock

    def __call__(self, record: MessageRecord) -> MessageTrace:
        """The trace of ``record``."""
        message = record.message
        key = record.conversation
        conversation = self.conversations.get_conversation(key) if key else None
        place = self._place(record, conversation)
        dead_letter = self._dead_letter(record)
        company = self.find_company.of_conversation(conversation) if conversation else None
        unmatched = self._unmatched(record) if record.state is MessageState.UNMATCHED else None
        other = unmatched.other_conversation if unmatched else None
        return MessageTrace(
            stations=(
                *_received(record),
                *_matched(record, conversation),
                *self._progress(place, dead_letter),
            ),
            conclusion=(
                unmatched.conclusion(self.clock())
                if unmatched
                else self._conclusion(place, dead_letter)
            ),
            request_id=record.request_id,
            message_id=message.provider_message_id,
            channel=message.channel,
            sender=message.sender.value,
            company_id=company or self.find_company.of_message(message),
            conversation_id=key.conversation_id if key else None,
            received_at=message.received_at,
            subject=message.subject,
            other_conversation_id=other.conversation_id if other else None,
        )

    def _place(self, record: MessageRecord, conversation: Conversation | None) -> OnQueue:
        queue, elsewhere = self.queue, self._elsewhere(record, conversation)
        if not isinstance(queue, VisibleQueue):
            return OnQueue(record, conversation, is_visible=False, elsewhere=elsewhere)
        waiting = queue.locate(record.request_id)
        acknowledged = queue.acknowledged(record.request_id)
        return OnQueue(
            record,
            conversation,
            is_visible=True,
            waiting=waiting[-1] if waiting else None,
            acknowledged=acknowledged[-1] if acknowledged else None,
            elsewhere=elsewhere,
        )

    def _elsewhere(
        self, record: MessageRecord, conversation: Conversation | None
    ) -> Conversation | None:
        """A conversation of the same address and company on another channel."""
        if conversation is None:
            return None
        company = self.find_company.of_conversation(conversation)
        if company is None and not self.tenants().has_one_company:
            return None
        elsewhere = (
            found
            for address in _same_elsewhere(record.message.sender)
            for found in self.lookup.conversations_of(address.channel, address.look_up_values)
        )
        theirs = (one for one in elsewhere if self.find_company.of_conversation(one) == company)
        return next(theirs, None)

    def _dead_letter(self, record: MessageRecord) -> DeadLetter | None:
        if record.state is not MessageState.UNDELIVERABLE or self.dead_letters is None:
            return None
        return self.dead_letters.get(f"{DeadLetterKind.UNDELIVERABLE}-{record.request_id}")

    def _conclusion(self, place: OnQueue, dead_letter: DeadLetter | None) -> Conclusion:
        record, now = place.record, self.clock()
        match record.state:
            case MessageState.PENDING:
                return conclusion_on_pending(record, now)
            case MessageState.UNDELIVERABLE:
                return conclusion_on_undeliverable(dead_letter, record, now)
        return conclusion_on_queued(place, self.policy, now)

    def _unmatched(self, record: MessageRecord) -> Unmatched:
        message, directory = record.message, self.tenants()
        found = self.lookup.conversations_of(message.channel, message.look_up_values)
        tenant = directory.owner_of(message)
        return Unmatched(record, tenant, directory, found, self.fallback_window)

    def _progress(self, place: OnQueue, dead_letter: DeadLetter | None) -> Iterator[Station]:
        record = place.record
        yield from _attempted(record)
        if dead_letter is not None:
            yield dead_letter_station(dead_letter)
        if record.state is not MessageState.QUEUED:
            return
        queue = place.queue
        is_for_human = queue is not None and queue.kind is QueueKind.HANDOFF
        yield Station(
            StationKind.QUEUED,
            record.queued_at,
            {
                "queue": str(queue) if queue else None,
                "delay_seconds": _seconds(place.delay),
                "publication": record.publication,
                "reason": reason_for_human(record, self.policy) if is_for_human else None,
            },
        )
        yield from _on_queue(place, self.clock())


def trace_of_tombstone(tombstone: Tombstone) -> MessageTrace:
    """The trace of an erased message: nothing says whose it was."""
    erased = Station(StationKind.ERASED, None)
    return MessageTrace((erased,), ERASED, request_id=tombstone.request_id)


def dead_letter_station(dead_letter: DeadLetter) -> Station:
    """What waits for an operator."""
    details: dict[str, Detail] = {
        "dead_letter_id": dead_letter.dead_letter_id,
        "dead_letter_kind": str(dead_letter.kind),
        "reason": dead_letter.reason,
        "attempts": dead_letter.attempts,
    }
    return Station(StationKind.DEAD_LETTER, dead_letter.created_at, details)


def _received(record: MessageRecord) -> Iterator[Station]:
    message = record.message
    addresses = {"from": message.sender.value, "to": message.recipient.address}
    details = {"channel": str(message.channel), **addresses, "account": message.account}
    yield Station(StationKind.RECEIVED, message.received_at, details)
    yield Station(StationKind.RECORDED, record.recorded_at, {"request_id": record.request_id})


def _matched(record: MessageRecord, conversation: Conversation | None) -> Iterator[Station]:
    rule, fallback = record.trail.rule, record.trail.fallback
    was_unmatched = rule in _WITHOUT_CONVERSATION
    if record.conversation is None or was_unmatched:
        why = {"rule": str(rule) if rule else None}
        yield Station(StationKind.UNMATCHED, record.recorded_at, why)
    if fallback is not None:
        outcome = {"result": str(fallback.result), "reason": fallback.reason}
        yield Station(StationKind.FALLBACK, fallback.at, outcome)
    if record.conversation is None:
        return
    # What was unmatched first was redriven to its conversation: when that was is not stored.
    yield Station(
        StationKind.MATCHED,
        None if was_unmatched else record.recorded_at,
        {
            "conversation_id": record.conversation.conversation_id,
            "rule": "redriven" if was_unmatched else str(rule) if rule else None,
            "conversation_status": conversation.conversation_status if conversation else None,
            "hand_off_to_human": conversation.hand_off_to_human if conversation else None,
            "is_deleted": conversation is None,
        },
    )


def _attempted(record: MessageRecord) -> Iterator[Station]:
    """The attempts to publish it again, and when and why the latest of all failed."""
    failure = record.trail.failure
    # Who moves a message publishes it in what counts as an attempt.
    tried = record.attempts - 1 if record.queue else record.attempts
    if tried > 0 or failure:
        details: dict[str, Detail] = {
            "attempts": record.attempts or None,  # that of its first handler is not counted
            "lease_until": rfc3339(record.lease_until) if record.lease_until else None,
            "failed_at": rfc3339(failure.at) if failure else None,
            "reason": failure.reason if failure else None,
        }
        yield Station(StationKind.ATTEMPTED, None, details)


def _same_elsewhere(sender: Address) -> Iterator[Address]:
    """The address of the same sort on each other channel, as a telephone number is."""
    for channel in ChannelType:
        with suppress(InvalidAddressError):
            address = Address.parse(channel, sender.value)
            if channel is not sender.channel and address.kind is sender.kind:
                yield address


def _seconds(delay: timedelta | None) -> float | None:
    return None if delay is None else round(delay.total_seconds(), 3)


def _on_queue(place: OnQueue, now: datetime) -> Iterator[Station]:
    if waiting := place.waiting:
        details: dict[str, Detail] = {
            "queue": str(waiting.queue),
            "visible_at": rfc3339(waiting.visible_at),
            "receive_count": waiting.receive_count,
        }
        if waiting.receive_count and waiting.visible_at > now:
            yield Station(StationKind.TAKEN, None, details)
        else:
            yield Station(StationKind.WAITING, waiting.published_at, details)
    elif place.acknowledged:
        yield Station(StationKind.ACKNOWLEDGED, None, {"queue": str(place.acknowledged)})
