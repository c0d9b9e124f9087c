"""The conclusion on a message that was put on a queue."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports.context_queue import WaitingContext
from application.tracing.results import Conclusion, TraceState
from application.tracing.wording import ago, clock_time, command, duration, giving_back, times
from domain.conversations import Conversation
from domain.messages import InboundMessage, MessageRecord
from domain.queues import QueueKind, QueueName
from domain.routing import RoutingPolicy

_SOON = timedelta(minutes=1)
"""How long a context may be ready before its consumer is doubted."""


@dataclass(frozen=True, slots=True)
class OnQueue:
    """What is known of a message that was put on a queue.

    ``waiting`` is its context there, and ``acknowledged`` where a consumer acknowledged one.
    Both stay empty where the queue ``is_visible`` not.
    """

    record: MessageRecord
    conversation: Conversation | None
    is_visible: bool
    waiting: WaitingContext | None = None
    acknowledged: QueueName | None = None

    @property
    def queue(self) -> QueueName | None:
        """Where it is, or was at last; ``None`` if that is not stored."""
        seen = self.waiting.queue if self.waiting else self.acknowledged
        return seen or self.record.queue or self.record.trail.queue

    @property
    def name(self) -> str:
        """The queue in a sentence."""
        return str(self.queue) if self.queue else "its queue"


def reason_for_human(record: MessageRecord, policy: RoutingPolicy) -> str:
    """A code: why a message went to a human."""
    message = record.message
    if record.queue:
        return "moved"
    if not policy.needs_human_review(message):
        return "hand_off"
    if message.regrouping_suspected:
        return "regrouping_suspected"
    return "automated" if message.is_automated else "unauthenticated_author"


def conclusion_on_queued(place: OnQueue, policy: RoutingPolicy, now: datetime) -> Conclusion:
    """Where a message is that was put on its queue."""
    if place.waiting is not None:
        return _waiting(place, place.waiting, policy, now)
    name, request_id = place.name, place.record.request_id
    why = _why(place, policy)
    queued_at = place.record.queued_at
    put = f"It was put on {name} at {ago(queued_at, now)}{why}" if queued_at else ""
    if place.acknowledged:
        sentence = (
            f"A consumer took it from {name}{why} and acknowledged it, so Frontdesk is done with "
            f"it: if the customer got no answer, look for request id {request_id} in the log of "
            f"that consumer."
        )
        return Conclusion(TraceState.ACKNOWLEDGED, queued_at, sentence)
    if place.is_visible:
        sentence = (
            f"{put}, and it is not there any more: look for request id {request_id} in the log of "
            f"the consumer of {name}."
        )
        return Conclusion(TraceState.QUEUED, queued_at, sentence)
    sentence = (
        f"{put}. This queue does not show what is in it: if the customer got no answer, look for "
        f"request id {request_id} in the log of the consumer of {name}; {command('queues', 'list')}"
        f" shows whether messages pile up there."
    )
    return Conclusion(TraceState.QUEUED, queued_at, sentence)


def _waiting(
    place: OnQueue, waiting: WaitingContext, policy: RoutingPolicy, now: datetime
) -> Conclusion:
    on = f"{place.name}{_why(place, policy)}"
    visible_at, taken = waiting.visible_at, waiting.receive_count
    log = f"look for request id {place.record.request_id} in the log of the consumer"
    if visible_at > now and taken:
        sentence = (
            f"A consumer has taken it from {on}, for the {_ordinal(taken)} time, and has until "
            f"{clock_time(visible_at, now)} to acknowledge it; else it comes back then: {log}."
        )
        return Conclusion(TraceState.IN_FLIGHT, None, sentence)
    if visible_at > now:
        left = duration((visible_at - now).total_seconds())
        sentence = (
            f"It is on {on}, and consumers see it from {clock_time(visible_at, now)} on (in "
            f"{left}), so that several messages in a row are answered once: there is nothing to do "
            f"until then."
        )
        return Conclusion(TraceState.DELAYED, waiting.published_at, sentence)
    if taken:
        sentence = (
            f"It is back on {on}: a consumer took it {times(taken)} and did not acknowledge it. "
            f"It can be taken again since {ago(visible_at, now)}: {log}."
        )
        return Conclusion(TraceState.READY, visible_at, sentence)
    if now - visible_at < _SOON:
        sentence = (
            f"It is on {on}, ready since {ago(visible_at, now)}: a consumer takes it next. If it "
            f"is still there in a minute, check that the consumer of {place.name} runs."
        )
        return Conclusion(TraceState.READY, visible_at, sentence)
    sentence = (
        f"It is on {on}, and no consumer has taken it since {ago(visible_at, now)}: check that "
        f"the consumer of {place.name} runs; {command('queues', 'list')} shows what else waits."
    )
    return Conclusion(TraceState.READY, visible_at, sentence)


def _why(place: OnQueue, policy: RoutingPolicy) -> str:
    """In brackets why it is on that queue, where that may surprise; else nothing."""
    queue, record = place.queue, place.record
    if queue is None:
        return ""
    if queue.kind is QueueKind.HANDOFF:
        reason = reason_for_human(record, policy)
        is_by_state = reason == "hand_off"
        why = _why_handed_off(place.conversation) if is_by_state else _WHY[reason]
        return f" ({why.format(kind=_kind(record.message))})"
    is_late = place.conversation is not None and place.conversation.hand_off_to_human
    return f" ({_SWITCHED_LATER})" if is_late and not record.queue else ""


_SWITCHED_LATER = (
    "hand-off was switched on after it was routed, so the AI must leave it to the human"
)
_WHY = {
    "moved": "it was moved there from the other queue",
    "automated": "a program wrote it{kind}, so no AI answers it",
    "unauthenticated_author": "who wrote it is not authenticated, so no AI answers it",
    "regrouping_suspected": "its fields may be those of another message: a human must look at it",
}


def _why_handed_off(conversation: Conversation | None) -> str:
    if conversation is None:
        return "its conversation was handed off to a human, and is deleted now"
    if conversation.hand_off_to_human:
        return f"a human answers this conversation; {giving_back(conversation)} ends that"
    return (
        "a human answered this conversation when it came; hand-off is off by now, and what comes "
        "after that goes to the AI"
    )


def _kind(message: InboundMessage) -> str:
    mark = message.metadata.get("automated")
    return f" ({mark['kind']})" if isinstance(mark, dict) and "kind" in mark else ""


def _ordinal(number: int) -> str:
    names = {1: "first", 2: "second", 3: "third"}
    return names.get(number, f"{number}th")
